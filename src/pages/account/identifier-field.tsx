import { Field, type FieldProps } from './form.tsx';
import { useLanguage } from './language.ts';

/** One field for both kinds; what is wrong with either kind is said at it. */
export function IdentifierField(props: Pick<FieldProps, 'value' | 'onInput'>) {
  const { t } = useLanguage();
  return (
    <Field
      name="identifier"
      alsoNames={['email', 'mobile']}
      label={t('identifier')}
      autocomplete="username"
      isLatin
      isRequired
      inputMode="email"
      {...props}
    />
  );
}
