import { useId } from 'preact/hooks';
import { FieldMistake, type Values } from './form.tsx';
import { Frame } from './frame.tsx';
import { toLatinDigits } from './language.ts';

type CommonProps = {
  readonly name: string;
  /** The field's names in the contract, where they differ. */
  readonly alsoNames?: readonly string[];
  readonly label: string;
  readonly hint?: string | undefined;
};

export type Choice = { readonly value: string; readonly label: string };

/** One of a few choices. */
export function SelectField({
  name,
  alsoNames = [],
  label,
  hint,
  choices,
  value,
  isDisabled = false,
  onChange,
}: CommonProps & {
  readonly choices: readonly Choice[];
  readonly value?: string;
  readonly isDisabled?: boolean;
  readonly onChange?: (value: string) => void;
}) {
  return (
    <Frame names={[name, ...alsoNames]} label={label} hint={hint}>
      {(given) => (
        <select
          {...given}
          name={name}
          disabled={isDisabled}
          onChange={(event) => onChange?.(event.currentTarget.value)}
        >
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value} selected={choice.value === value}>
              {choice.label}
            </option>
          ))}
        </select>
      )}
    </Frame>
  );
}

/** A text of several lines, such as a list with one entry on each. */
export function TextArea({
  name,
  alsoNames = [],
  label,
  hint,
  value = '',
  rows = 3,
  isLatin = false,
  onInput,
}: CommonProps & {
  readonly value?: string;
  readonly rows?: number;
  readonly isLatin?: boolean;
  readonly onInput?: (value: string) => void;
}) {
  return (
    <Frame names={[name, ...alsoNames]} label={label} hint={hint}>
      {(given) => (
        <textarea
          {...given}
          name={name}
          rows={rows}
          defaultValue={value}
          onInput={(event) => onInput?.(event.currentTarget.value)}
          {...(isLatin && { dir: 'ltr', spellcheck: false, autocapitalize: 'none' })}
        />
      )}
    </Frame>
  );
}

/** The entries of a text area, one on each line. */
export function linesOf(text = ''): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The number in a field, in whatever digits it was typed. */
export function numberIn(values: Values, name: string, mistake: string): number {
  const text = toLatinDigits(values[name] ?? '').trim();
  if (!/^\d{1,9}$/.test(text)) throw new FieldMistake(name, mistake);
  return Number(text);
}

/** Something that is so or not. */
export function CheckField({
  name,
  label,
  hint,
  isChecked = false,
  value,
}: {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly isChecked?: boolean;
  /** What the form sends for it; default: `on`. */
  readonly value?: string;
}) {
  const id = useId();
  return (
    <div class="field check">
      <label>
        <input
          type="checkbox"
          name={name}
          defaultChecked={isChecked}
          {...(value !== undefined && { value })}
          {...(hint !== undefined && { 'aria-describedby': id })}
        />{' '}
        {label}
      </label>
      {hint !== undefined && (
        <p id={id} class="hint">
          {hint}
        </p>
      )}
    </div>
  );
}
