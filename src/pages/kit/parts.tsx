import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useLanguage } from './language.ts';
import { useSite } from './site.ts';

/** A link to another part of the pages, without loading the page again: the session lives in it. */
export function Link({
  to,
  children,
  current = false,
  onGo,
}: {
  readonly to: string;
  readonly children: ComponentChildren;
  readonly current?: boolean;
  readonly onGo?: () => void;
}) {
  const { hrefOf, go } = useSite();
  return (
    <a
      href={hrefOf(to)}
      {...(current && { 'aria-current': 'page' as const })}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        go(to);
        onGo?.();
      }}
    >
      {children}
    </a>
  );
}

/** A titled part of the page; where it is the page's own title, it gets the focus so that readers begin there. */
export function Section({
  title,
  children,
  isPage = false,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly isPage?: boolean;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { settings, isPreview = false } = useSite();
  useEffect(() => {
    if (isPage && !isPreview) document.title = `${title} · ${settings.name}`;
  }, [isPage, title]);
  // Once: another language is no other page.
  useLayoutEffect(() => {
    if (isPage && !isPreview) heading.current?.focus();
  }, []);
  return (
    <section>
      {isPage ? (
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
      ) : (
        <h2>{title}</h2>
      )}
      {children}
    </section>
  );
}

export type RememberProps = {
  /** Default: the form knows, by the name `remember`. */
  readonly checked?: boolean;
  readonly onChange?: (checked: boolean) => void;
};

/** Asks for a session that lives longer; not on a device that others use. */
export function Remember({ checked, onChange }: RememberProps) {
  const { t } = useLanguage();
  return (
    <div class="field check">
      <label>
        <input
          type="checkbox"
          name="remember"
          {...(checked !== undefined && { checked })}
          onChange={({ currentTarget }) => onChange?.(currentTarget.checked)}
        />{' '}
        {t('remember')}
      </label>
    </div>
  );
}

/**
 * The title of a step that replaces the one before: readers continue from here. The
 * focus moves with the page and not a frame later, in which it would be nowhere.
 */
export function StepTitle({ children }: { readonly children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => heading.current?.focus(), []);
  return (
    <h3 ref={heading} tabIndex={-1}>
      {children}
    </h3>
  );
}

/** How far one has come in something of several steps. */
export function Progress({ step, of }: { readonly step: number; readonly of: number }) {
  const { t } = useLanguage();
  return (
    <div class="progress">
      <span class="hint">{t('stepOf', { step, of })}</span>
      <progress max={of} value={step} aria-hidden="true" />
    </div>
  );
}

/** Copies a text at a press, and says whether it could. */
export function CopyButton({ text }: { readonly text: string }) {
  const { t } = useLanguage();
  const [said, setSaid] = useState('');
  const copy = async () => {
    // Browsers keep the clipboard from pages that came without TLS.
    const isCopied = await Promise.resolve(navigator.clipboard?.writeText(text)).then(
      () => navigator.clipboard !== undefined,
      () => false,
    );
    setSaid(t(isCopied ? 'copied' : 'copyFailed'));
  };
  return (
    <>
      <button type="button" class="quiet" onClick={() => void copy()}>
        {t('copy')}
      </button>
      <span role="status">{said}</span>
    </>
  );
}
