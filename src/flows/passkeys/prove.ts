import type { Caller } from '../../domain/caller.ts';
import {
  isCounterFallen,
  type Passkey,
  passkeyLookup,
  stateOf,
  toFlags,
  toPasskey,
} from '../../domain/passkey.ts';
import type { CeremonyPurpose } from '../../domain/passkey-challenge.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { WebAuthn } from '../../domain/webauthn.ts';
import { type RecordDeps, record } from '../events/record.ts';
import { type Ceremonies, passkeyRefusal, type WebAuthnJson } from './ceremony.ts';

export type ProveDeps = RecordDeps & {
  readonly store: Pick<Repositories, 'authenticators' | 'events'>;
  readonly webAuthn: WebAuthn;
  readonly ceremonies: Ceremonies;
};

/** A passkey whose holder has proved it, and what the authenticator said. */
export type ProvedPasskey = {
  readonly passkey: Passkey;
  readonly userId: string;
  readonly isUserVerified: boolean;
};

export type ProveOrder = {
  readonly purpose: CeremonyPurpose;
  /** The subjects that a challenge may have for the owner of the passkey; none: it is not theirs to use here. */
  readonly subjectsOf: (userId: string) => Promise<readonly string[]>;
  /** Default: as the tenant's policy has it. */
  readonly requireUserVerification?: boolean;
};

/**
 * Verifies the response of an authenticator (WebAuthn Level 3, section 7.2) and notes its counter, or throws
 * PASSKEY_INVALID. The challenge is spent whatever comes of it.
 */
export function createProvePasskey({ store, webAuthn, ceremonies, clock, random }: ProveDeps) {
  /** Notes counter and flags; a counter that fell is an event, and the policy decides. */
  async function noteUse(
    caller: Caller,
    userId: string,
    { id, counter: kept }: Passkey,
    use: { readonly counter: number; readonly flags: number },
  ): Promise<void> {
    const isRaised = await store.authenticators.usePasskey(caller.tenant.id, id, { ...use, now: clock() });
    // Of two uses of one value the second finds it used, whatever was read before.
    if (isRaised && !isCounterFallen(kept, use.counter)) return;
    const fallen = { type: 'authenticator.counter_fell', userId, details: { kind: 'passkey' } } as const;
    await record(store, { clock, random }, caller, fallen, 'PASSKEY_INVALID');
    if (caller.tenant.policy.passkeys.counterFall === 'refuse') throw passkeyRefusal();
  }

  return async function prove(
    caller: Caller,
    credential: WebAuthnJson,
    { purpose, subjectsOf, requireUserVerification }: ProveOrder,
  ): Promise<ProvedPasskey> {
    const { rpId } = ceremonies.relyingParty(caller);
    const claimed = webAuthn.read(credential);
    if (claimed === undefined) throw passkeyRefusal();
    const { credentialId, challenge, userHandle } = claimed;
    const lookup = passkeyLookup(rpId, credentialId);
    const row = await store.authenticators.findByLookup(caller.tenant.id, lookup);
    if (row?.kind !== 'passkey') throw passkeyRefusal();
    const { userId } = row;
    const passkey = toPasskey(row);
    const subject = await ceremonies.spend(caller, purpose, await subjectsOf(userId), challenge);
    // Where the challenge names no user, the response has to (section 7.2, step 6).
    if ((subject === '' ? userHandle : (userHandle ?? passkey.userHandle)) !== passkey.userHandle)
      throw passkeyRefusal();
    const expected = ceremonies.expected(caller, challenge, requireUserVerification);
    const proved = await webAuthn.verifyAssertion(credential, expected, passkey);
    const kept = stateOf(passkey);
    if (proved === undefined || proved.isBackupEligible !== kept.isBackupEligible) throw passkeyRefusal();
    const { counter, isUserVerified } = proved;
    const flags = toFlags({ ...proved, isUserVerified: kept.isUserVerified || isUserVerified });
    await noteUse(caller, userId, passkey, { counter, flags });
    return { passkey, userId, isUserVerified };
  };
}

export type ProvePasskey = ReturnType<typeof createProvePasskey>;
