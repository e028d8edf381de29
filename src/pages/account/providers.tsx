import { timestampDate } from '@bufbuild/protobuf/wkt';
import { useState } from 'preact/hooks';
import type { LinkedProvider, Provider } from '../../clients/web.ts';
import { Form } from '../kit/form.tsx';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { ProviderLogo } from '../kit/provider-logo.tsx';
import { nameOfProvider } from '../kit/provider-name.ts';
import { leave, wish } from './away.ts';
import { useLanguage } from './language.ts';
import { useProviders } from './provider-buttons.tsx';
import { useAccount } from './state.ts';

/** The accounts elsewhere that this account is connected with, and those that it could be. */
export function LinkedProviders() {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const load = async () => {
    const [{ providers }, { linked }] = await Promise.all([
      manam.providers.listProviders({}),
      manam.providers.listLinkedProviders({}),
    ]);
    return { providers, linked };
  };
  return (
    <Loaded load={load}>
      {({ providers, linked }, reload) =>
        providers.length + linked.length === 0 ? null : (
          <Section title={t('providers')}>
            <p class="hint">{t('providersHint')}</p>
            <ul class="sessions">
              {rowsOf(providers, linked).map((row) => (
                <ProviderRow key={row.provider.name} {...row} reload={reload} />
              ))}
            </ul>
          </Section>
        )
      }
    </Loaded>
  );
}

type Row = {
  readonly provider: Pick<Provider, 'name' | 'kind' | 'displayName' | 'logo'>;
  readonly linked: readonly LinkedProvider[];
};

/** Every provider that is offered or connected; one that the tenant has switched off can still be taken away. */
function rowsOf(providers: readonly Provider[], linked: readonly LinkedProvider[]): Row[] {
  const of = (name: string) => linked.filter(({ provider }) => provider === name);
  const offered = new Set(providers.map(({ name }) => name));
  const others = [...new Set(linked.map(({ provider }) => provider))].filter((name) => !offered.has(name));
  const bare = (name: string) => ({ name, kind: name, displayName: '', logo: '' });
  return [
    ...providers.map((provider) => ({ provider, linked: of(provider.name) })),
    ...others.map((name) => ({ provider: bare(name), linked: of(name) })),
  ];
}

function useConnect(): (provider: string) => Promise<void> {
  const { manam, settings } = useAccount();
  return (provider) =>
    leave(settings.slug, { provider, purpose: 'link' }, async (back) => {
      const started = await manam.providers.startProviderLink({ provider, ...back });
      return started.authorizationUrl;
    });
}

function ProviderRow({ provider, linked, reload }: Row & { readonly reload: () => Promise<void> }) {
  const { t, date } = useLanguage();
  const { manam } = useAccount();
  const connect = useConnect();
  const name = nameOfProvider(provider);
  const isLinked = linked.length > 0;
  const rephrase = { LAST_SIGN_IN: t('providerLast') };
  return (
    <li>
      <ProviderLogo provider={provider} />
      <div>
        <span class="device">{name}</span>
        {linked.map(({ email, linkTime }) => (
          <p class="hint" key={email}>
            {email !== '' && (
              <>
                <bdi dir="ltr">{email}</bdi> ·{' '}
              </>
            )}
            {linkTime !== undefined && t('providerSince', { date: date(timestampDate(linkTime)) })}
          </p>
        ))}
        {!isLinked && <p class="hint">{t('providerNone')}</p>}
      </div>
      {/* What Manam itself opens has no connection to begin again. */}
      {provider.name !== 'manam' && (
        <Form
          submit={t(isLinked ? 'providerDisconnect' : 'providerConnect')}
          about={name}
          weight="quiet"
          rephrase={rephrase}
          onSubmit={async () => {
            if (!isLinked) return await connect(provider.name);
            await manam.providers.unlinkProvider({ provider: provider.name });
            await reload();
          }}
        />
      )}
    </li>
  );
}

/** Offers the connection that a sign-in had lacked. */
export function OfferConnection() {
  const { settings } = useAccount();
  const wanted = wish.read(settings.slug);
  return wanted === undefined ? null : <Offer wanted={wanted} />;
}

function Offer({ wanted }: { readonly wanted: string }) {
  const { t } = useLanguage();
  const { settings } = useAccount();
  const connect = useConnect();
  const providers = useProviders();
  const [isOver, setOver] = useState(false);
  const provider = providers?.find(({ name }) => name === wanted);
  if (provider === undefined || isOver) return null;
  const dismiss = () => {
    wish.forget(settings.slug);
    setOver(true);
  };
  const name = nameOfProvider(provider);
  return (
    <aside class="offer" aria-label={t('providerOfferTitle')}>
      <Form
        submit={t('providerConnectNamed', { provider: name })}
        onSubmit={async () => {
          await connect(provider.name);
        }}
        aside={
          <button type="button" class="quiet" onClick={dismiss}>
            {t('notNow')}
          </button>
        }
      >
        <p>{t('providerOffer', { provider: name })}</p>
      </Form>
    </aside>
  );
}
