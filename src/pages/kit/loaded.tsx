import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { readFailure } from '../../clients/web.ts';
import { explain, Form } from './form.tsx';
import { useLanguage } from './language.ts';
import { useSite } from './site.ts';

export type LoadedProps<T> = {
  readonly load: () => Promise<T>;
  readonly children: (value: T, reload: () => Promise<void>) => ComponentChildren;
  /** What stands in its place meanwhile. */
  readonly placeholder?: ComponentChildren;
};

/** Content that has to be loaded first. A failure is shown with a button to retry. */
export function Loaded<T>({ load, children, placeholder }: LoadedProps<T>) {
  const language = useLanguage();
  const { attempt } = useSite();
  const [value, setValue] = useState<T>();
  const [texts, setTexts] = useState<string[]>([]);
  const reload = async () => {
    try {
      const loaded = await attempt(load);
      setValue(() => loaded);
      setTexts([]);
    } catch (error) {
      setTexts(explain(language, readFailure(error)));
    }
  };
  useEffect(() => {
    void reload();
  }, []);
  if (texts.length > 0)
    return (
      <>
        <p role="alert" class="problem">
          {texts.join(' ')}
        </p>
        <Form submit={language.t('tryAgain')} onSubmit={reload} weight="quiet" />
      </>
    );
  if (value === undefined) return <>{placeholder ?? <p class="hint">{language.t('loading')}</p>}</>;
  return <>{children(value, reload)}</>;
}

/** A part whose script is fetched when it is opened. */
export function OnDemand({ load }: { readonly load: () => Promise<() => ComponentChildren> }) {
  return <Loaded load={load}>{(Part) => <Part />}</Loaded>;
}
