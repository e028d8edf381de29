import type { Challenge } from '../../domain/challenge.ts';
import { DomainError } from '../../domain/errors.ts';
import { normalizeCode } from '../../domain/one-time-code.ts';
import { makeTotpSeed, matchTotp, totpUri } from '../../domain/totp.ts';
import type { UserView } from '../../domain/user.ts';
import type { AuthenticatorDeps, AuthenticatorType } from './kind.ts';

const seedPurpose = 'totp-pending-seed';

/** Time-based codes of an authenticator app (RFC 6238). */
export function createTotp({ store, vault, clock, random }: AuthenticatorDeps) {
  const type = {
    kind: 'totp',
    setupStep: 'manam.v1.TwoFactorService/SetupTotp',
    proofStep: 'manam.v1.TwoFactorService/ConfirmTotpEmail',
    removeStep: 'manam.v1.TwoFactorService/RemoveTotp',

    async verify({ tenant }, userId, _slot, code) {
      const found = await store.authenticators.findInSlot(tenant.id, userId, 'totp');
      if (found === undefined) return false;
      const step = matchTotp(found.data.toString(), normalizeCode(code), clock());
      // Raised in a separate statement: the step stays used even if the transaction rolls back (N3).
      return (
        step !== undefined && (await store.authenticators.raiseCounter(tenant.id, found.id, step, clock()))
      );
    },

    confirm(setup, code) {
      const seed = openSeed(setup);
      const step = matchTotp(seed, normalizeCode(code), clock());
      // The step of the first code counts as used (R27).
      return step === undefined ? undefined : { data: Buffer.from(seed), counter: step };
    },
  } as const satisfies AuthenticatorType;

  function openSeed({ slot, data }: Challenge): string {
    if (data === undefined) throw new DomainError('INTERNAL');
    return vault.open(seedPurpose, slot, data).toString();
  }

  return {
    ...type,
    /** A new seed, sealed for the setup challenge of a session. */
    newSeed: (sessionId: string) => vault.seal(seedPurpose, sessionId, Buffer.from(makeTotpSeed(random))),
    /** The pending seed, and the URI that authenticator apps read from the QR code. */
    describe(tenantName: string, view: UserView, setup: Challenge): { secret: string; uri: string } {
      const secret = openSeed(setup);
      return { secret, uri: totpUri(secret, tenantName, labelOf(view)) };
    },
  };
}

function labelOf({ email, mobile, user }: UserView): string {
  return email?.address ?? mobile?.address ?? user.id;
}
