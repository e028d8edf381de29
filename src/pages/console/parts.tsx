import type { DescMethod } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Failure } from '../../clients/web.ts';
import { Form, type FormProps, isNamed, type Values } from '../kit/form.tsx';
import { Loaded, type LoadedProps } from '../kit/loaded.tsx';
import { CopyButton, Link } from '../kit/parts.tsx';
import { Icon, type IconName } from './icon.tsx';
import { useLanguage } from './language.ts';
import { useConsole } from './state.ts';

type PageProps = {
  readonly title: string;
  readonly hint?: string;
  /** What can be done here, beside the title. */
  readonly actions?: ComponentChildren;
  /** A picture before the title. */
  readonly lead?: ComponentChildren;
  /** The screen that this one is a part of. */
  readonly back?: { readonly to: string; readonly label: string };
  readonly children: ComponentChildren;
};

/** A screen, whose title gets the focus so that readers begin there. */
export function Page({ title, hint, actions, lead, back, children }: PageProps) {
  const { tenant } = useConsole();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${tenant.name}`;
  }, [title]);
  useLayoutEffect(() => heading.current?.focus(), []);
  return (
    <>
      {back !== undefined && (
        <p class="back">
          <Link to={back.to}>
            <Icon name="back" /> {back.label}
          </Link>
        </p>
      )}
      <div class="page-head">
        <div>
          <h1 ref={heading} tabIndex={-1}>
            {lead}
            <bdi>{title}</bdi>
          </h1>
          {hint !== undefined && <p class="hint">{hint}</p>}
        </div>
        {actions !== undefined && <div class="page-actions">{actions}</div>}
      </div>
      {children}
    </>
  );
}

/** A titled part of a screen. */
export function Card({
  title,
  hint,
  actions,
  children,
}: {
  readonly title?: string;
  readonly hint?: string | undefined;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  return (
    <section class="card">
      {title !== undefined && (
        <div class="card-head">
          <h2>{title}</h2>
          {actions}
        </div>
      )}
      {hint !== undefined && <p class="hint">{hint}</p>}
      {children}
    </section>
  );
}

/** What will be shown, while it is on its way. */
function Skeleton() {
  const { t } = useLanguage();
  return (
    <div class="skeleton">
      <span class="unseen" role="status">
        {t('loading')}
      </span>
      <i />
      <i />
      <i />
    </div>
  );
}

/** Content that has to be loaded first. */
export function Fetched<T>(props: Omit<LoadedProps<T>, 'placeholder'>) {
  return <Loaded {...props} placeholder={<Skeleton />} />;
}

/** What is said where there is nothing yet, and what to do about it. */
export function Empty({
  icon = 'empty',
  title,
  children,
}: {
  readonly icon?: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export type Tone = 'good' | 'bad' | 'plain';

export function Tag({ tone = 'plain', children }: { readonly tone?: Tone; readonly children: string }) {
  return <span class={`tag ${tone}`}>{children}</span>;
}

export type Column<T> = {
  readonly label: string;
  readonly of: (row: T) => ComponentChildren;
  /** Whether it is the row's own name. */
  readonly isMain?: boolean;
  /** Whether it has the buttons of the row. */
  readonly isActions?: boolean;
};

type TableProps<T> = {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
};

/** Rows with a heading for each column; on a phone each row is a card. */
export function Table<T>({ label, columns, rows, keyOf }: TableProps<T>) {
  return (
    <table class="list">
      <caption class="unseen">{label}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.label} scope="col">
              {column.isActions ? <span class="unseen">{column.label}</span> : column.label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map((column) => (
              <td
                key={column.label}
                data-label={column.label}
                class={column.isMain ? 'main-cell' : column.isActions ? 'row-actions' : ''}
              >
                {column.of(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Names with their values. */
export function Facts({
  facts,
}: {
  readonly facts: readonly (readonly [name: string, value: ComponentChildren])[];
}) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A text of no language, such as an id. */
export function Code({ children }: { readonly children: string }) {
  return (
    <code dir="ltr" class="id">
      {children}
    </code>
  );
}

/** A text to take along, with a button that copies it. */
export function Copyable({ text }: { readonly text: string }) {
  return (
    <span class="copyable">
      <Code>{text}</Code>
      <CopyButton text={text} />
    </span>
  );
}

type SecretProps = {
  readonly label: string;
  readonly text: string;
  /** Whether everyone may see it. */
  readonly isPublic?: boolean;
};

/** A text that is shown once; readers begin there. */
export function Secret({ label, text, isPublic = false }: SecretProps) {
  const { t } = useLanguage();
  const title = useRef<HTMLParagraphElement>(null);
  useLayoutEffect(() => title.current?.focus(), []);
  return (
    <div class="once">
      <p ref={title} tabIndex={-1}>
        <strong>{label}</strong>
      </p>
      <code class="secret" dir="ltr">
        {text}
      </code>
      <CopyButton text={text} />
      <p class="hint">{t(isPublic ? 'shownOncePublic' : 'shownOnce')}</p>
    </div>
  );
}

/** The same in a dialog, which stays until its text is kept. */
export function KeptSecret({ onKept, ...secret }: SecretProps & { readonly onKept: () => void }) {
  const { t } = useLanguage();
  return (
    <>
      <Secret {...secret} />
      <button type="button" class="primary" onClick={onKept}>
        {t('keptIt')}
      </button>
    </>
  );
}

/** A time in words; a dash where there is none. */
export function Time({ of }: { readonly of: Timestamp | undefined }) {
  const { date } = useLanguage();
  if (of === undefined) return <>–</>;
  const time = timestampDate(of);
  return <time dateTime={time.toISOString()}>{date(time)}</time>;
}

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

/** A form that also says what is wrong with fields that it does not show. */
export function Sheet(props: FormProps) {
  return <Form {...props} help={(failure, form) => <OtherMistakes failure={failure} form={form} />} />;
}

type MistakesProps = { readonly failure: Failure; readonly form: HTMLFormElement | null };

function OtherMistakes({ failure, form }: MistakesProps) {
  const shown = [...(form?.querySelectorAll<HTMLElement>('[data-names]') ?? [])].flatMap((each) =>
    (each.dataset['names'] ?? '').split(' '),
  );
  const others = Object.entries(failure.fields).filter(([field]) => !isNamed(field, shown));
  if (others.length === 0) return null;
  return (
    <ul>
      {others.map(([field, { message }]) => (
        <li key={field}>
          <Code>{field}</Code> {message}
        </li>
      ))}
    </ul>
  );
}

type EditableProps = {
  /** The method that saves it: who may not call it sees the fields alone. */
  readonly method: DescMethod;
  readonly onSave: (values: Values) => Promise<void>;
  readonly children: ComponentChildren;
};

/** Settings that some may change and all may see. */
export function Editable({ method, onSave, children }: EditableProps) {
  const { t } = useLanguage();
  const { may } = useConsole();
  if (!may(method)) return <fieldset disabled>{children}</fieldset>;
  return (
    <Sheet submit={t('save')} onSubmit={onSave}>
      {children}
    </Sheet>
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
