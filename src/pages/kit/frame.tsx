import { type ComponentChildren, createContext } from 'preact';
import { useContext, useId } from 'preact/hooks';
import type { Failure } from '../../clients/web.ts';
import { useSite } from './site.ts';

/** Whether a field has one of those names; one that ends with a dot stands for everything below it. */
export function isNamed(field: string, names: readonly string[]): boolean {
  return names.some((name) => field === name || (name.endsWith('.') && field.startsWith(name)));
}

/** A failure as a form shows it. */
export const FailureContext = createContext<Failure | undefined>(undefined);

export type FrameProps = {
  /** The field's names in the contract: what is wrong with any of them is said here. */
  readonly names: readonly string[];
  readonly label: string;
  readonly hint?: string | undefined;
  readonly children: (given: {
    readonly id: string;
    readonly 'aria-describedby'?: string;
    readonly 'aria-invalid': boolean;
    readonly 'data-names': string;
  }) => ComponentChildren;
};

/** What every labelled control has: its hint and its mistake. */
export function Frame({ names, label, hint, children }: FrameProps) {
  const id = useId();
  const fields = useContext(FailureContext)?.fields ?? {};
  const { showsRules = false } = useSite();
  const {
    message: mistake,
    reason,
    rule,
  } = Object.entries(fields).find(([field]) => isNamed(field, names))?.[1] ?? {};
  // The words of this reason are the same for every rule.
  const isVague = showsRules && reason === 'FIELD_INVALID' && rule !== undefined;
  const described = [hint && `${id}-hint`, mistake && `${id}-mistake`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({
        id,
        'aria-invalid': mistake !== undefined,
        'data-names': names.join(' '),
        ...(described !== '' && { 'aria-describedby': described }),
      })}
      {hint !== undefined && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
      {mistake !== undefined && (
        <p id={`${id}-mistake`} class="mistake">
          {mistake}
          {isVague && (
            <>
              {' '}
              <bdi dir="ltr" lang="en">
                {rule}
              </bdi>
            </>
          )}
        </p>
      )}
    </div>
  );
}
