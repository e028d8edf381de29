import { useEffect, useState } from 'preact/hooks';
import { Field } from './form.tsx';
import { useLanguage } from './language.ts';
import { useSite } from './site.ts';

export type PasswordFieldProps = {
  readonly name?: string;
  readonly label?: string;
  /** A new password with its strength. */
  readonly isNew?: boolean;
  readonly takesFocus?: boolean;
  /** The characters of a new one at least. Default: as the page's tenant has it. */
  readonly minLength?: number;
};

type Estimate = (password: string) => number;

/** A password that can be shown and pasted. The strength of a new one is shown while it is typed. */
export function PasswordField({
  name = 'password',
  label,
  isNew = false,
  takesFocus = false,
  minLength,
}: PasswordFieldProps) {
  const { t } = useLanguage();
  const { settings } = useSite();
  const [isShown, setShown] = useState(false);
  const [typed, setTyped] = useState('');
  const [estimate, setEstimate] = useState<Estimate>();
  const isWanted = isNew && typed !== '';
  useEffect(() => {
    // The dictionaries are larger than all the rest: they come when someone types.
    if (isWanted && estimate === undefined)
      void import('./strength.ts').then(({ estimateStrength }) => setEstimate(() => estimateStrength));
  }, [isWanted, estimate]);
  const score = isWanted ? estimate?.(typed) : undefined;
  const words = ['strength0', 'strength1', 'strength2', 'strength3', 'strength4'] as const;
  return (
    <>
      <Field
        name={name}
        label={label ?? t(isNew ? 'newPassword' : 'password')}
        type={isShown ? 'text' : 'password'}
        autocomplete={isNew ? 'new-password' : 'current-password'}
        isLatin
        isRequired
        takesFocus={takesFocus}
        onInput={setTyped}
        {...(isNew && { hint: t('passwordHint', { min: minLength ?? settings.minPasswordLength }) })}
        beside={
          <button
            type="button"
            class="quiet"
            aria-label={t(isShown ? 'hidePassword' : 'showPassword')}
            onClick={() => setShown(!isShown)}
          >
            {t(isShown ? 'hide' : 'show')}
          </button>
        }
      />
      {isNew && (
        <div class="strength" aria-live="polite">
          {score !== undefined && (
            <>
              <meter
                min={0}
                max={4}
                low={2}
                high={3}
                optimum={4}
                value={Math.max(score, 0.2)}
                aria-hidden="true"
              />
              <span>{t(words[score] ?? 'strength0')}</span>
            </>
          )}
        </div>
      )}
    </>
  );
}
