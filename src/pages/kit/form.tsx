import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type Failure, type Reason, readFailure } from '../../clients/web.ts';
import { FailureContext, Frame, isNamed } from './frame.tsx';
import { type Language, toLatinDigits, useLanguage } from './language.ts';
import { useSite } from './site.ts';

/** A mistake that the page finds by itself, beside its field. */
export class FieldMistake extends Error {
  readonly field: string;
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** What the page says by itself, of no field. */
export class PageMistake extends Error {}

function failureOf(error: unknown): Failure {
  if (error instanceof PageMistake)
    return { ...readFailure(error), reason: 'REQUEST_INVALID', message: error.message };
  if (!(error instanceof FieldMistake)) return readFailure(error);
  const { field, message } = error;
  return {
    reason: 'REQUEST_INVALID',
    message: '',
    fields: { [field]: { reason: '', message } },
    retryAfterMs: undefined,
    requestId: undefined,
  };
}

/** When to try again; from two hours on by the clock. */
function waitOf({ t, date }: Language, retryAfterMs: number): string {
  const seconds = Math.ceil(retryAfterMs / 1000);
  if (seconds === 0) return '';
  if (seconds < 120) return t('waitSeconds', { count: seconds });
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 120) return t('waitMinutes', { count: minutes });
  return t('waitUntil', { date: date(new Date(Date.now() + retryAfterMs)) });
}

/** The message, and the next step. */
export function explain(language: Language, { reason, message, retryAfterMs, requestId }: Failure): string[] {
  const { t } = language;
  if (reason === undefined) return [t('offline')];
  const request = reason === 'INTERNAL' ? t('requestId', { id: requestId ?? '' }) : '';
  return [message, waitOf(language, retryAfterMs ?? 0), request].filter((text) => text !== '');
}

export type Values = Readonly<Record<string, string>>;

export type FormProps = {
  /** The text of the button. */
  readonly submit: string;
  /** The accessible name of the button, where several have the same text. */
  readonly about?: string;
  readonly onSubmit: (values: Values) => Promise<void>;
  readonly children?: ComponentChildren;
  /** The weight of the button: the page's main action, another one, or a destructive one. */
  readonly weight?: 'primary' | 'quiet' | 'danger';
  /** A picture before the text of the button, and a remark after it. */
  readonly icon?: ComponentChildren;
  readonly badge?: string;
  /** Content beside the button. */
  readonly aside?: ComponentChildren;
  /** Help after a failure. */
  readonly help?: (failure: Failure, form: HTMLFormElement | null) => ComponentChildren;
  /** A failure of the same step that did not come from sending the form. */
  readonly problem?: unknown;
  /** Messages by reason that replace the service's. */
  readonly rephrase?: Readonly<Partial<Record<Reason, string>>>;
};

/** A form that sends itself once at a time, and says beside each field what is wrong with it. */
export function Form({
  submit,
  about,
  onSubmit,
  children,
  weight = 'primary',
  icon,
  badge,
  aside,
  help,
  problem,
  rephrase,
}: FormProps) {
  const language = useLanguage();
  const site = useSite();
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    if (isBusy || form.current === null) return;
    const values = Object.fromEntries(
      [...new FormData(form.current)].map(([name, value]) => [name, String(value)]),
    );
    setBusy(true);
    setFailure(undefined);
    // What was done before is no news beside what fails now.
    site.quiet();
    try {
      await site.attempt(() => onSubmit(values));
    } catch (error) {
      setFailure(failureOf(error));
    }
    setBusy(false);
  };
  useEffect(() => {
    if (problem !== undefined) setFailure(failureOf(problem));
  }, [problem]);
  // Messages in the other language are cleared.
  useEffect(() => setFailure(undefined), [language.locale]);
  // The focus moves to the first invalid field.
  useLayoutEffect(() => {
    if (failure === undefined) return;
    const wrong = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
    (wrong ?? form.current?.querySelector<HTMLElement>('[role="alert"]'))?.focus();
  }, [failure]);

  /** Clears the error of a field that changes. */
  const forget = ({ target }: Event) => {
    const names = target instanceof HTMLElement ? (target.dataset['names'] ?? '').split(' ') : [];
    setFailure((known) => {
      if (known === undefined) return known;
      const all = Object.entries(known.fields);
      const left = all.filter(([field]) => !isNamed(field, names));
      // The same failure stays the same: another one would take the focus away from the field.
      return left.length === all.length ? known : { ...known, fields: Object.fromEntries(left) };
    });
  };

  const instead = failure?.reason && rephrase?.[failure.reason];
  const said = failure && instead !== undefined ? { ...failure, message: instead } : failure;
  const texts = said === undefined ? [] : explain(language, said);
  return (
    <FailureContext.Provider value={failure}>
      <form ref={form} onSubmit={(event) => void send(event)} onInput={forget} noValidate>
        <div role="alert" tabIndex={-1} class={texts.length > 0 ? 'problem' : 'hidden'}>
          {texts.map((text) => (
            <p key={text}>{text}</p>
          ))}
          {failure !== undefined && help?.(failure, form.current)}
          {failure !== undefined && site.helpFor?.(failure)}
        </div>
        {children}
        <div class="actions">
          <button type="submit" class={weight} aria-disabled={isBusy}>
            {icon}
            {submit}
            {badge !== undefined && <span class="badge">{badge}</span>}
            {about !== undefined && <span class="unseen"> {about}</span>}
          </button>
          {aside}
        </div>
      </form>
    </FailureContext.Provider>
  );
}

export type FieldProps = {
  readonly name: string;
  /** The field's name in the contract, where it differs: its violations are shown here too. */
  readonly alsoNames?: readonly string[];
  readonly label: string;
  readonly hint?: string;
  readonly type?: 'text' | 'email' | 'tel' | 'password';
  readonly autocomplete?: string;
  readonly inputMode?: 'text' | 'numeric' | 'email' | 'tel';
  /** Text that is the same in every language, such as an address or a code. */
  readonly isLatin?: boolean;
  readonly isRequired?: boolean;
  readonly value?: string;
  readonly onInput?: (value: string) => void;
  readonly beside?: ComponentChildren;
  /** Whether it is the first thing of something that has just been opened. */
  readonly takesFocus?: boolean;
  readonly maxLength?: number;
};

/** A labelled input with its hint and its mistake. */
export function Field(props: FieldProps) {
  const {
    name,
    alsoNames = [],
    label,
    hint,
    type = 'text',
    autocomplete = 'off',
    inputMode,
    isLatin = false,
  } = props;
  const { isRequired = false, value, onInput, beside, maxLength, takesFocus = false } = props;
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (takesFocus) input.current?.focus();
  }, [takesFocus]);
  return (
    <Frame names={[name, ...alsoNames]} label={label} hint={hint}>
      {(given) => (
        <div class={beside === undefined ? 'input' : 'input with-switch'}>
          <input
            {...given}
            ref={input}
            name={name}
            data-takes-focus={takesFocus}
            // The type of the element is fixed, so no role is set.
            type={type as 'text'}
            autocomplete={autocomplete}
            {...(inputMode && { inputMode })}
            {...(isLatin && { dir: 'ltr', autocapitalize: 'none', spellcheck: false })}
            {...(maxLength !== undefined && { maxLength })}
            {...(value !== undefined && { defaultValue: value })}
            aria-required={isRequired}
            onInput={(event) => onInput?.(event.currentTarget.value)}
          />
          {beside}
        </div>
      )}
    </Frame>
  );
}

/** A field for a code, however it is typed. */
export function CodeField(props: {
  readonly takesFocus?: boolean;
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly isLong?: boolean;
}) {
  const { isLong = false, ...rest } = props;
  return (
    <Field
      {...rest}
      isLatin
      isRequired
      autocomplete="one-time-code"
      inputMode={isLong ? 'text' : 'numeric'}
    />
  );
}

/** The code of a form without spaces, in Latin digits. */
export function codeIn(values: Values, name = 'code'): string {
  return toLatinDigits(values[name] ?? '').replaceAll(/\s/g, '');
}

/** An address or a number as the contract wants it: under the name of its kind. */
export function identifierIn(text: string): { readonly email: string } | { readonly mobile: string } {
  const trimmed = text.trim();
  return trimmed.includes('@') ? { email: trimmed } : { mobile: toLatinDigits(trimmed) };
}
