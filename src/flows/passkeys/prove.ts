import type { Authenticator } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import { isCounterFallen, type Passkey, stateOf, toFlags, toPasskey } from '../../domain/passkey.ts';
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
  /** Finds the passkey of a credential, where it may be used here. */
  readonly find: (credentialId: string) => Promise<Authenticator | undefined>;
  /** The subjects that a challenge may have for the owner of the passkey; of a passkey that does not exist: undefined. */
  readonly subjectsOf: (userId: string | undefined) => Promise<readonly string[]>;
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
    { purpose, find, subjectsOf, requireUserVerification = false }: ProveOrder,
  ): Promise<ProvedPasskey> {
    const claimed = webAuthn.read(credential);
    if (claimed === undefined) throw passkeyRefusal();
    const { credentialId, challenge, userHandle } = claimed;
    const row = await find(credentialId);
    // Spent for a credential that no account has as well: else the next use of the challenge would tell.
    const subject = await ceremonies.spend(caller, purpose, await subjectsOf(row?.userId), challenge);
    if (row === undefined) throw passkeyRefusal();
    const { userId } = row;
    const passkey = toPasskey(row);
    // Where the challenge names no user, the response has to (section 7.2, step 6).
    if ((subject === '' ? userHandle : (userHandle ?? passkey.userHandle)) !== passkey.userHandle)
      throw passkeyRefusal();
    const { rpId } = passkey;
    const expected = ceremonies.expected(caller, challenge, { rpId, requireUserVerification });
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
