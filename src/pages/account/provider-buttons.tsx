import { useEffect, useState } from 'preact/hooks';
import type { Provider } from '../../clients/web.ts';
import { onDemand } from '../kit/loaded.tsx';
import { useAccount } from './state.ts';

// Pages without providers load neither their logos nor the way there.
const ProviderChoice = onDemand(
  async () => (await import('./provider-choice.tsx')).ProviderChoice,
  // The sign-in is complete without them: it does not say that something is loading.
  null,
);

/** The providers in the tenant's order; undefined: not known yet. They are an offer: where they cannot be had, the rest of the page works. */
export function useProviders(): readonly Provider[] | undefined {
  const { manam } = useAccount();
  const [providers, setProviders] = useState<readonly Provider[]>();
  useEffect(() => {
    void manam.providers
      .listProviders({})
      .then((list) => setProviders(list.providers))
      .catch(() => setProviders([]));
  }, []);
  return providers;
}

/** The ways in with an account elsewhere, below the page's own. */
export function ProviderButtons({ isRemembered = false }: { readonly isRemembered?: boolean }) {
  const providers = useProviders();
  return providers === undefined || providers.length === 0 ? null : (
    <ProviderChoice providers={providers} isRemembered={isRemembered} />
  );
}
