import { createProviderLinks } from '../flows/federation/links.ts';
import { createProviderLogin } from '../flows/federation/provider-login.ts';
import { createProviderLogout } from '../flows/federation/provider-logout.ts';
import { hostedPagePath } from '../pages/hosted-pages.ts';
import { createProviderLoginRoute } from '../web/provider-login.ts';
import type { FeatureDeps } from './deps.ts';

/** Sign-in with identity providers: its flows, which Google's own calls share, and the addresses of browsers. */
export function createFederation(deps: FeatureDeps) {
  const { adapters, core, config, limiter, hostedTenants } = deps;
  const { origin } = new URL(config.issuer);
  const all = { ...adapters, ...core };
  const login = createProviderLogin({
    ...all,
    returnPage: (slug) => `${origin}${hostedPagePath(slug, 'provider')}`,
  });
  const links = createProviderLinks({ ...all, pageOrigin: origin });
  const budget = { ...config.limits.loginStartsPerNetwork, name: 'logout.token' };
  const route = createProviderLoginRoute({
    ...deps,
    login,
    logout: createProviderLogout({ ...all, limiter, budget }),
    findTenant: async (slug) => (await hostedTenants(slug))?.tenant,
    limits: config.limits,
    prefixes: config.restPrefixes,
  });
  return { login, links, route };
}
