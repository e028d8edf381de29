import { type ApplicationTokens, issuerOf } from '../../domain/application-token.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Random } from '../../domain/random.ts';
import type { Vault } from '../../domain/vault.ts';
import type { SignLogout } from '../delivery/callout-sender.ts';
import { sidOf } from './session-id.ts';

const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';
/** Time for which a logout token is good: that of one attempt. */
const lifetimeS = 120;

export type LogoutSignerDeps = {
  readonly applicationTokens: ApplicationTokens;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** Makes logout tokens (OpenID Connect Back-Channel Logout 1.0, section 2.4), a new one for each attempt, so that a receiver does not reject a retry as a replay. */
export function createLogoutSigner(
  { applicationTokens, vault, clock, random }: LogoutSignerDeps,
  { deployment }: { readonly deployment: string },
): SignLogout {
  return async ({ slug }, { clientId, subject, sessionId, sector = '', algorithm }) => {
    const iat = Math.floor(clock().getTime() / 1000);
    return await applicationTokens.sign(algorithm, 'logout+jwt', {
      iss: issuerOf(deployment, slug),
      aud: clientId,
      iat,
      exp: iat + lifetimeS,
      jti: random.uuid(),
      sub: subject,
      sid: sidOf(vault, sector, sessionId),
      events: { [logoutEvent]: {} },
    });
  };
}
