import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Form } from './form.tsx';

/** A part of a list that is read backwards. */
export type OlderPage<T> = {
  readonly items: readonly T[];
  readonly hasMore: boolean;
  /** Where the next part begins. */
  readonly next: string;
};

type OlderProps<T> = {
  readonly first: OlderPage<T>;
  readonly read: (next: string) => Promise<OlderPage<T>>;
  /** The text of the button. */
  readonly more: string;
  readonly children: (items: readonly T[]) => ComponentChildren;
};

/** A list that grows by what is older, at a press. */
export function Older<T>({ first, read, more, children }: OlderProps<T>) {
  const [page, setPage] = useState(first);
  const grow = async () => {
    const older = await read(page.next);
    setPage({ ...older, items: [...page.items, ...older.items] });
  };
  return (
    <>
      {children(page.items)}
      {page.hasMore && <Form submit={more} weight="quiet" onSubmit={grow} />}
    </>
  );
}
