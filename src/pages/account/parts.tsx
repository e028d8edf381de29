import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useAccount } from './state.ts';

/** A link to another part of the account, without loading the page again: the session lives in it. */
export function Link({
  to,
  children,
  current = false,
}: {
  readonly to: string;
  readonly children: ComponentChildren;
  readonly current?: boolean;
}) {
  const { settings, go } = useAccount();
  return (
    <a
      href={`/account/${settings.slug}/${to}`}
      {...(current && { 'aria-current': 'page' as const })}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        go(to);
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
  useEffect(() => {
    if (isPage) heading.current?.focus();
  }, [isPage]);
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
