import { createLocations } from '../flows/provider/answer.ts';
import { createAuthorize } from '../flows/provider/authorize.ts';
import { createClients } from '../flows/provider/clients.ts';
import { createConnected } from '../flows/provider/connected.ts';
import { createDeviceGrant } from '../flows/provider/devices.ts';
import { createExchange } from '../flows/provider/exchange.ts';
import { createInspect } from '../flows/provider/inspect.ts';
import { createIssue } from '../flows/provider/issue.ts';
import { createPush } from '../flows/provider/push.ts';
import { createRequestHandles } from '../flows/provider/request-handle.ts';
import { createSignOut } from '../flows/provider/sign-out.ts';
import { createLogoutFanOut } from '../flows/provider/tell-ended.ts';
import { hostedPagePath } from '../pages/hosted-pages.ts';
import { authorizationHandlers } from '../rpc/authorization-service.ts';
import { oauthHandlers } from '../rpc/oauth-service.ts';
import { createOpenIdProviderRoute } from '../web/openid-provider.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature, Job } from './feature.ts';
import { createLoop } from './loop.ts';

/** Pause while there is no new event that could end a session. */
const restMs = 200;

/** Every tenant as an OpenID provider of its applications. */
export function openIdProvider(deps: FeatureDeps) {
  const { adapters, core, config, limiter, directory, hostedTenants, applications, mapError } = deps;
  const { applicationJwks } = deps;
  const { vault, clock, applicationTokens: tokens } = adapters;
  const { deployment } = core;
  const all = { ...adapters, ...core, tokens, findClient: applications.find };
  const handles = createRequestHandles(vault, clock);
  const locationOf = createLocations({ handles, deployment, clock });
  const { loginStartsPerNetwork: starts, attemptsPerNetwork: attempts } = config.limits;
  const clients = createClients({
    ...all,
    limiter,
    assertionBudget: { ...starts, name: 'client.assertion' },
  });
  const devices = createDeviceGrant({
    ...all,
    clients,
    limiter,
    startBudget: { ...starts, name: 'device.start' },
    typedBudget: { ...attempts, name: 'device.typed' },
  });
  const authorize = createAuthorize({ ...all, handles });
  const signOut = createSignOut({ ...all, handles });
  const origin = new URL(config.issuer).origin;
  return {
    handlers: {
      oauth: oauthHandlers({
        exchange: createExchange({ ...all, clients, issue: createIssue(all) }),
        devices,
        inspect: createInspect({ ...all, clients }),
        push: createPush({ ...all, clients, authorize }),
        devicePage: (slug) => `${origin}${hostedPagePath(slug, 'device')}`,
      }),
      authorization: authorizationHandlers({
        authorize,
        devices,
        signOut,
        connected: createConnected(all),
        locationOf,
      }),
    },
    endpoints: [
      createOpenIdProviderRoute({
        authorize,
        signOut,
        handles,
        directory,
        hostedTenants,
        mapError,
        locationOf,
        jwks: applicationJwks,
        deployment,
      }),
    ],
    jobs: [createLogouts(deps)],
    retention: { grants: 1, devices: 1 },
  } satisfies Feature;
}

/** Tells applications that their users' sessions have ended, over the log's own connections. */
function createLogouts({ logStore, adapters, core, log }: FeatureDeps): Job {
  const stopping = new AbortController();
  const fanOut = createLogoutFanOut({ ...adapters, ...core, store: logStore });
  const loop = createLoop(fanOut, restMs, stopping.signal, (error) =>
    log.warn({ err: error }, 'logouts of applications could not be noted'),
  );
  return { start: loop.start, stop: loop.stop };
}
