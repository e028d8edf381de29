import { type ApplicationTokens, issuerOf } from '../../domain/application-token.ts';
import type { Clock } from '../../domain/clock.ts';
import type { SignLogout } from '../delivery/callout-sender.ts';

const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';
/** Time for which a logout token is good: that of one attempt. */
const lifetimeS = 120;

/** Makes logout tokens (OpenID Connect Back-Channel Logout 1.0, section 2.4); `id` makes them recognizable as one. */
export function createLogoutSigner(
  { applicationTokens, clock }: { readonly applicationTokens: ApplicationTokens; readonly clock: Clock },
  { deployment }: { readonly deployment: string },
): SignLogout {
  return async ({ slug }, { clientId, subject, sessionId, algorithm }, id) => {
    const iat = Math.floor(clock().getTime() / 1000);
    return await applicationTokens.sign(algorithm, 'logout+jwt', {
      iss: issuerOf(deployment, slug),
      aud: clientId,
      iat,
      exp: iat + lifetimeS,
      jti: id,
      sub: subject,
      sid: sessionId,
      events: { [logoutEvent]: {} },
    });
  };
}
