import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
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
