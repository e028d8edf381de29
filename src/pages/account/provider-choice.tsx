import type { Provider } from '../../clients/web.ts';
import { Form } from '../kit/form.tsx';
import { ProviderLogo } from '../kit/provider-logo.tsx';
import { nameOfProvider } from '../kit/provider-name.ts';
import { lastUsed, leave } from './away.ts';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

type ProviderChoiceProps = {
  readonly providers: readonly Provider[];
  /** Whether the user asked to stay signed in. */
  readonly isRemembered: boolean;
};

/** A button for each provider, the one that was used last before the others. */
export function ProviderChoice({ providers, isRemembered }: ProviderChoiceProps) {
  const { t } = useLanguage();
  const { manam, settings } = useAccount();
  const last = lastUsed.read(settings.slug);
  const isLast = ({ name }: Provider) => name === last;
  const signIn = (provider: string) =>
    leave(settings.slug, { provider, purpose: 'sign-in', isRemembered }, async (back) => {
      const started = await manam.providers.startProviderLogin({ provider, ...back });
      return started.authorizationUrl;
    });
  return (
    <div class="providers">
      <p class="or">{t('or')}</p>
      {[...providers.filter(isLast), ...providers.filter((each) => !isLast(each))].map((provider) => (
        <Form
          key={provider.name}
          weight="quiet"
          submit={t('providerContinue', { provider: nameOfProvider(provider) })}
          icon={<ProviderLogo provider={provider} />}
          {...(isLast(provider) && { badge: t('lastUsed') })}
          onSubmit={() => signIn(provider.name)}
        />
      ))}
    </div>
  );
}
