import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Values } from '../kit/form.tsx';
import { Icon, type IconName } from './icon.tsx';
import { useLanguage } from './language.ts';
import { Sheet } from './sheet.tsx';

/** A dialog above the screen; the focus goes back to where it was. */
export function Modal({
  title,
  onClose,
  children,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const { t } = useLanguage();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>('[data-takes-focus="true"]')?.focus();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  /** What is shown once is not lost by a key. */
  const cancel = (event: Event) => {
    event.preventDefault();
    if (dialog.current?.querySelector('.once') === null) onClose();
  };
  return (
    <dialog ref={dialog} aria-label={title} onCancel={cancel}>
      <div class="card-head">
        <h2>{title}</h2>
        <button type="button" class="bare close" aria-label={t('close')} onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {children}
    </dialog>
  );
}

type OpenerProps = {
  readonly label: string;
  readonly title?: string;
  /** The accessible name of the button, where several have the same text. */
  readonly about?: string;
  readonly icon?: IconName;
  readonly weight?: 'primary' | 'quiet' | 'danger';
  /** Called when the dialog is closed, however. */
  readonly onClosed?: () => void;
  readonly children: (close: () => void) => ComponentChildren;
};

/** A button that opens a dialog. */
export function Opener({
  label,
  title = label,
  about,
  icon,
  weight = 'quiet',
  onClosed,
  children,
}: OpenerProps) {
  const [isOpen, setOpen] = useState(false);
  const close = () => {
    setOpen(false);
    onClosed?.();
  };
  return (
    <>
      <button type="button" class={weight} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        {icon !== undefined && <Icon name={icon} />}
        {label}
        {about !== undefined && <span class="unseen"> {about}</span>}
      </button>
      {isOpen && (
        <Modal title={title} onClose={close}>
          {children(close)}
        </Modal>
      )}
    </>
  );
}

type ConfirmProps = {
  readonly label: string;
  readonly about?: string;
  /** What will happen. */
  readonly text: string;
  readonly onConfirm: (values: Values) => Promise<void>;
  readonly weight?: 'quiet' | 'danger';
  readonly children?: ComponentChildren;
};

/** An action that asks first. */
export function Confirm({ label, about, text, onConfirm, weight = 'danger', children }: ConfirmProps) {
  return (
    <Opener label={label} weight={weight} {...(about !== undefined && { about })}>
      {(close) => (
        <Sheet
          submit={label}
          weight={weight === 'danger' ? 'danger' : 'primary'}
          aside={<CancelButton onClick={close} />}
          onSubmit={async (values) => {
            await onConfirm(values);
            close();
          }}
        >
          <p>{text}</p>
          {children}
        </Sheet>
      )}
    </Opener>
  );
}

export function CancelButton({ onClick }: { readonly onClick: () => void }) {
  const { t } = useLanguage();
  return (
    <button type="button" class="quiet" onClick={onClick}>
      {t('cancel')}
    </button>
  );
}
