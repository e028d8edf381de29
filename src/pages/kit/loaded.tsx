import type { ComponentChildren, ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Failure, readFailure } from '../../clients/web.ts';
import { explain, Form } from './form.tsx';
import { useLanguage } from './language.ts';
import { useSite } from './site.ts';

export type LoadedProps<T> = {
  readonly load: () => Promise<T>;
  readonly children: (value: T, reload: () => Promise<void>) => ComponentChildren;
  /** What stands in its place meanwhile; null: nothing. Default: that it is loading. */
  readonly placeholder?: ComponentChildren;
  /** What stands around a failure, where the content would have had it. */
  readonly frame?: (failure: ComponentChildren) => ComponentChildren;
};

/** Content that has to be loaded first. A failure is shown with a button to retry, above what was there before. */
export function Loaded<T>({ load, children, placeholder, frame = (failure) => failure }: LoadedProps<T>) {
  const language = useLanguage();
  const { attempt, helpFor } = useSite();
  const [loaded, setLoaded] = useState<{ readonly value: T }>();
  const [failure, setFailure] = useState<Failure>();
  const reload = async () => {
    try {
      setLoaded({ value: await attempt(load) });
      setFailure(undefined);
    } catch (error) {
      setFailure(readFailure(error));
    }
  };
  useEffect(() => {
    void reload();
  }, []);
  const said = failure !== undefined && (
    <>
      <div role="alert" class="problem">
        <p>{explain(language, failure).join(' ')}</p>
        {helpFor?.(failure)}
      </div>
      <Form submit={language.t('tryAgain')} onSubmit={reload} weight="quiet" />
    </>
  );
  if (loaded !== undefined)
    return (
      <>
        {said}
        {children(loaded.value, reload)}
      </>
    );
  if (said !== false) return <>{frame(said)}</>;
  return <>{placeholder === undefined ? <p class="hint">{language.t('loading')}</p> : placeholder}</>;
}

/** A component whose script is fetched when it is shown. */
export function onDemand<P extends object>(
  load: () => Promise<ComponentType<P>>,
  placeholder?: ComponentChildren,
): (props: P) => JSX.Element {
  return (props) => (
    <Loaded load={load} placeholder={placeholder}>
      {(Part) => <Part {...props} />}
    </Loaded>
  );
}
