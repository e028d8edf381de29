import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { type PasskeyData, type RelyingParty, relyingPartyOf } from '../../domain/passkey.ts';
import {
  type Ceremony,
  type CeremonyPurpose,
  ceremonyMs,
  ceremonyNonceBytes,
  makeCeremonyChallenge,
  readCeremonyChallenge,
} from '../../domain/passkey-challenge.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { Vault } from '../../domain/vault.ts';
import type { ExpectedCeremony, WebAuthn } from '../../domain/webauthn.ts';

export type CeremonyDeps = {
  readonly store: Pick<Repositories, 'proofs'>;
  readonly webAuthn: WebAuthn;
  /** The origin of the hosted pages. */
  readonly pageOrigin: string;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** A JSON object of WebAuthn, as browsers take and return it (Level 3, sections 5.1.8 and 5.1.9). */
export type WebAuthnJson = { readonly [name: string]: unknown };

/** Every failure looks the same: a wrong signature, and a credential that no account has (section 14.6.3). */
export const passkeyRefusal = () => new DomainError('PASSKEY_INVALID');

/** The parts that all ceremonies share: the relying party, the challenge, and that it is good once. */
export function createCeremonies({ store, webAuthn, pageOrigin, vault, clock, random }: CeremonyDeps) {
  const about = (
    { tenant }: Pick<Caller, 'tenant'>,
    purpose: CeremonyPurpose,
    subject: string,
  ): Ceremony => ({
    tenantId: tenant.id,
    purpose,
    subject,
  });

  /** Throws SIGN_IN_METHOD_DISABLED where the tenant has no passkeys. */
  function relyingParty({ tenant }: Pick<Caller, 'tenant'>): RelyingParty {
    if (tenant.policy.passkeys.mode === 'off') throw new DomainError('SIGN_IN_METHOD_DISABLED');
    return relyingPartyOf(tenant.policy, pageOrigin);
  }

  return {
    relyingParty,

    /** A new challenge; it writes nothing. The library that verifies is loaded meanwhile. */
    challenge(caller: Caller, purpose: CeremonyPurpose, subject: string): string {
      webAuthn.prepare();
      const nonce = random.bytes(ceremonyNonceBytes);
      return makeCeremonyChallenge(vault, about(caller, purpose, subject), nonce, clock());
    },

    /**
     * Spends the challenge of a response, where it is of one of these subjects, and returns which. Once, whatever
     * comes of the response.
     */
    async spend(
      caller: Caller,
      purpose: CeremonyPurpose,
      subjects: readonly string[],
      challenge: string,
    ): Promise<string> {
      for (const subject of subjects) {
        const live = readCeremonyChallenge(vault, about(caller, purpose, subject), challenge, clock());
        if (live === undefined) continue;
        if (!(await store.proofs.spend(caller.tenant.id, live))) throw passkeyRefusal();
        return subject;
      }
      throw passkeyRefusal();
    },

    /**
     * The expectations of a response. The relying party is the tenant's current one unless `rpId` names an earlier one;
     * user verification is required in addition to the tenant's policy.
     */
    expected(
      { tenant }: Pick<Caller, 'tenant'>,
      challenge: string,
      {
        rpId,
        requireUserVerification = false,
      }: { readonly rpId?: string; readonly requireUserVerification?: boolean } = {},
    ): ExpectedCeremony {
      const party = relyingPartyOf(tenant.policy, pageOrigin);
      const isRequired = requireUserVerification || tenant.policy.passkeys.userVerification === 'required';
      return { ...party, rpId: rpId ?? party.rpId, challenge, requireUserVerification: isRequired };
    },
  };
}

export type Ceremonies = ReturnType<typeof createCeremonies>;

type Listed = Pick<PasskeyData, 'credentialId' | 'transports'>;

/** Credentials, as the options of a ceremony name them. */
export function descriptorsOf(passkeys: readonly Listed[]): WebAuthnJson[] {
  return passkeys.map(({ credentialId: id, transports }) => ({
    type: 'public-key',
    id,
    ...(transports.length > 0 && { transports: [...transports] }),
  }));
}

/** The options of a proof (PublicKeyCredentialRequestOptionsJSON). */
export function requestOptions(
  { rpId, challenge, requireUserVerification }: ExpectedCeremony,
  allowed: readonly Listed[],
): WebAuthnJson {
  return {
    challenge,
    rpId,
    timeout: ceremonyMs,
    userVerification: requireUserVerification ? 'required' : 'preferred',
    allowCredentials: descriptorsOf(allowed),
  };
}
