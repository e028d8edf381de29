import { Form } from '../kit/form.tsx';
import { Section } from '../kit/parts.tsx';
import { useSignOut } from './inside.tsx';
import { useLanguage } from './language.ts';
import { type Stage, useAccount } from './state.ts';

/** Asks for the consent to the tenant's terms, once for each version. */
export function AskTerms({ url, version }: Extract<Stage, { at: 'terms' }>) {
  const { t } = useLanguage();
  const { manam, settings, enter } = useAccount();
  const signOut = useSignOut();
  const submit = async () => {
    await manam.profile.acceptTerms({ version });
    await enter();
  };
  return (
    <Section title={t('termsTitle')} isPage>
      <Form
        submit={t('termsAccept')}
        onSubmit={submit}
        aside={
          <button type="button" class="quiet" onClick={() => void signOut()}>
            {t('signOut')}
          </button>
        }
      >
        <p>
          {t('termsAsk', { tenant: settings.name })}{' '}
          <a href={url} target="_blank" rel="noreferrer noopener">
            {t('termsRead')}
          </a>
        </p>
      </Form>
    </Section>
  );
}
