import { Field, type FieldProps } from '../kit/form.tsx';
import { useLanguage } from './language.ts';

/** One field for both kinds; what is wrong with either kind is said at it. */
export function IdentifierField({
  withPasskeys = false,
  ...props
}: Pick<FieldProps, 'value' | 'onInput'> & {
  /** Whether its autofill offers passkeys as well. */
  readonly withPasskeys?: boolean;
}) {
  const { t } = useLanguage();
  return (
    <Field
      name="identifier"
      alsoNames={['email', 'mobile']}
      label={t('identifier')}
      autocomplete={withPasskeys ? 'username webauthn' : 'username'}
      isLatin
      isRequired
      inputMode="email"
      {...props}
    />
  );
}
