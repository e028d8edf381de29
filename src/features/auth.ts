import { manamSlug } from '../domain/tenant.ts';
import { createConfirmEmail, createConfirmSms } from '../flows/accounts/confirm.ts';
import { createManamUser } from '../flows/accounts/manam-user.ts';
import { createRegister } from '../flows/accounts/register.ts';
import { createSendConfirmation } from '../flows/accounts/send-confirmation.ts';
import { createManamLogin } from '../flows/federation/manam.ts';
import { createIntrospectToken } from '../flows/sessions/introspect-token.ts';
import { createManageSessions } from '../flows/sessions/manage-sessions.ts';
import { createReauthenticate } from '../flows/sessions/reauthenticate.ts';
import { createRefreshToken } from '../flows/sessions/refresh-token.ts';
import { createStepUpCode } from '../flows/sessions/step-up-code.ts';
import { createFinishCodeSignIn } from '../flows/sign-in/code-finish.ts';
import { createStartCodeSignIn } from '../flows/sign-in/code-start.ts';
import { createRedeemLoginCode } from '../flows/sign-in/login-code.ts';
import { createPasswordSignIn } from '../flows/sign-in/password.ts';
import { hostedPagePath } from '../pages/hosted-pages.ts';
import { authHandlers } from '../rpc/auth-service.ts';
import { providerHandlers } from '../rpc/provider-service.ts';
import { createManamLoginRoute } from '../web/manam-login.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature } from './feature.ts';
import { createFederation } from './federation.ts';

/** Accounts, sign-in by password and by other providers, and sessions. */
export function auth(deps: FeatureDeps) {
  const { adapters, core, config, directory, mapError, log } = deps;
  const { restPrefixes: prefixes, retention } = config;
  const { origin } = new URL(config.issuer);
  const all = { ...adapters, ...core };
  const { login: providerLogin, links: providerLinks, route } = createFederation(deps);
  const manamLogin = createManamLogin({
    ...all,
    issuer: config.issuer,
    pageUrl: `${origin}${hostedPagePath(manamSlug, 'manam-login')}`,
  });
  const flows = {
    register: createRegister(all),
    confirmEmail: createConfirmEmail(all),
    confirmSms: createConfirmSms(all),
    sendConfirmation: createSendConfirmation(all),
    login: createPasswordSignIn(all),
    refreshToken: createRefreshToken(all),
    reauthenticate: createReauthenticate(all),
    sendStepUpCode: createStepUpCode(all),
    sessions: createManageSessions(all),
    introspectToken: createIntrospectToken(all),
    manamUser: createManamUser(all),
    providerLogin,
    providerLinks,
    manamLogin,
    startCodeSignIn: createStartCodeSignIn({
      ...all,
      signInPage: (slug) => `${origin}${hostedPagePath(slug, 'sign-in')}`,
    }),
    finishCodeSignIn: createFinishCodeSignIn(all),
    redeemLoginCode: createRedeemLoginCode(all),
  };
  return {
    handlers: {
      auth: authHandlers(core.idempotent(flows)),
      providers: providerHandlers(core.idempotent({ login: providerLogin, links: providerLinks })),
    },
    endpoints: [route, createManamLoginRoute({ manamLogin, directory, mapError, log, prefixes })],
    retention: {
      sessions: retention.sessionDays,
      challenges: 1,
      loginRequests: 1,
      unproved: retention.unprovedDays,
      attempts: 0,
      // Longer than an attacker would wait.
      oldAttempts: 400,
    },
  } satisfies Feature;
}
