import { Field, type FieldProps } from '../kit/form.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** One field for the kinds that the tenant takes; what is wrong with either is said at it. */
export function IdentifierField({
  withPasskeys = false,
  ...props
}: Pick<FieldProps, 'value' | 'onInput'> & {
  /** Whether its autofill offers passkeys as well. */
  readonly withPasskeys?: boolean;
}) {
  const { t } = useLanguage();
  const { settings } = useAccount();
  return (
    <Field
      name="identifier"
      alsoNames={['email', 'mobile']}
      label={t(settings.takesMobiles ? 'identifier' : 'email')}
      autocomplete={withPasskeys ? 'username webauthn' : 'username'}
      isLatin
      isRequired
      inputMode="email"
      {...props}
    />
  );
}
