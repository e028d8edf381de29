import { useEffect, useState } from 'preact/hooks';
import type { Provider } from '../../clients/web.ts';
import { Form } from '../kit/form.tsx';
import { onDemand } from '../kit/loaded.tsx';
import { nameOfProvider } from '../kit/provider-name.ts';
import { lastUsed, leave } from './away.ts';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

// Pages without providers do not load the logos.
const Logo = onDemand(
  async () => (await import('../kit/provider-logo.tsx')).ProviderLogo,
  <span class="logo" />,
);

/** The providers in the tenant's order, the last used one first; undefined: not known yet. They are an offer: where they cannot be had, the rest of the page works. */
export function useProviders(): readonly Provider[] | undefined {
  const { manam, settings } = useAccount();
  const [providers, setProviders] = useState<readonly Provider[]>();
  useEffect(() => {
    const last = lastUsed.read(settings.slug);
    const isLast = ({ name }: Provider) => name === last;
    void manam.providers
      .listProviders({})
      .then(({ providers: all }) =>
        setProviders([...all.filter(isLast), ...all.filter((each) => !isLast(each))]),
      )
      .catch(() => setProviders([]));
  }, []);
  return providers;
}

/** The ways in with an account elsewhere, below the page's own. */
export function ProviderButtons() {
  const { t } = useLanguage();
  const { manam, settings } = useAccount();
  const providers = useProviders();
  if (providers === undefined || providers.length === 0) return null;
  const last = lastUsed.read(settings.slug);
  const signIn = (provider: string) =>
    leave(settings.slug, { provider, purpose: 'sign-in' }, async (back) => {
      const started = await manam.providers.startProviderLogin({ provider, ...back });
      return started.authorizationUrl;
    });
  return (
    <div class="providers">
      <p class="or">{t('or')}</p>
      {providers.map((provider) => (
        <Form
          key={provider.name}
          weight="quiet"
          submit={t('providerContinue', { provider: nameOfProvider(provider) })}
          icon={<Logo provider={provider} />}
          {...(provider.name === last && { badge: t('lastUsed') })}
          onSubmit={() => signIn(provider.name)}
        />
      ))}
    </div>
  );
}
