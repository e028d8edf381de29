import { useEffect, useRef } from 'preact/hooks';
import { type Reason, readFailure } from '../../clients/web.ts';
import { type Away, lastUsed, takeAway, wish } from './away.ts';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** Reasons after which the user gets in another way first, and connects the provider then. */
const wishes: readonly string[] = [
  'LOCAL_LOGIN_REQUIRED',
  'REGISTRATION_REQUIRED',
  'PROVIDER_ADDRESS_UNPROVED',
] satisfies Reason[];

/** The page that a browser returns to from a provider. */
export function ProviderReturn({ code, failure }: { readonly code: string; readonly failure: string }) {
  const { t } = useLanguage();
  const account = useAccount();
  const { settings, stage, replace } = account;
  const isReady = stage.at !== 'starting';
  const isBegun = useRef(false);

  async function finish({ provider, purpose, codeVerifier, isRemembered = false }: Away): Promise<void> {
    if (purpose === 'link') {
      await account.manam.providers.finishProviderLink({ provider, code, codeVerifier });
      wish.forget(settings.slug);
      return replace('security', { notice: t('providerConnected') });
    }
    const answer = await account.manam.auth.redeemLoginCode({ code, codeVerifier, remember: isRemembered });
    lastUsed.keep(settings.slug, provider);
    await account.goOn(answer);
    replace('');
  }

  function fail(way: Away | undefined, failed: string): void {
    if (way?.purpose === 'link') replace('security', { error: failed });
    else {
      if (way !== undefined && wishes.includes(failed)) wish.keep(settings.slug, way.provider);
      replace('', { error: failed });
    }
  }

  useEffect(() => {
    if (!isReady || isBegun.current) return;
    isBegun.current = true;
    const way = takeAway(settings.slug);
    if (failure !== '') return fail(way, failure);
    // Loaded again, or opened in another tab: what the address brought is used up, or belongs elsewhere.
    if (way === undefined && stage.at !== 'outside') return replace('');
    if (way === undefined || code === '') return fail(way, 'LOGIN_STATE_INVALID');
    void finish(way).catch((error: unknown) => fail(way, readFailure(error).reason ?? 'UNAVAILABLE'));
  }, [isReady]);
  return <p class="hint">{t('loading')}</p>;
}
