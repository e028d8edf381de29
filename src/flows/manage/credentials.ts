import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { PasswordHasher } from '../../domain/password.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { assertPasswords } from '../../domain/tenant.ts';
import { isUuid } from '../../domain/token.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import type { UndoableChangeStores } from '../after-change.ts';
import { send } from '../challenges/send.ts';
import type { RecipientCharge } from '../charges.ts';
import { record } from '../events/record.ts';
import { ownWords, type PasswordPolicy } from '../password-policy.ts';
import { recoveryProof } from '../recovery/recover.ts';
import { replacePassword } from '../recovery/replace-password.ts';
import type { UndoLinkDeps } from '../recovery/undo-link.ts';

export type CredentialCareDeps = {
  readonly store: Store<UndoableChangeStores | 'authenticators' | 'attempts'>;
  readonly hasher: PasswordHasher;
  readonly passwordPolicy: PasswordPolicy;
  readonly chargeRecipient: RecipientCharge;
  readonly undoPage: UndoLinkDeps['undoPage'];
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** Password management by members and back ends of the tenant. */
export function createCredentialCare(deps: CredentialCareDeps) {
  const { store, hasher, passwordPolicy, chargeRecipient } = deps;

  async function find({ tenant }: Caller, userId: string): Promise<UserView> {
    const view = isUuid(userId) ? await store.users.findById(tenant.id, userId) : undefined;
    if (view === undefined) throw new DomainError('NOT_FOUND');
    return view;
  }

  return {
    /** Sets a password within the rules of the tenant, and notifies the user with a link that reverts the change. */
    async setPassword(
      caller: Caller,
      command: { readonly userId: string; readonly password: string },
    ): Promise<void> {
      assertPasswords(caller.tenant.policy);
      const view = await find(caller, command.userId);
      const password = await passwordPolicy.parse(caller, ownWords(view), command.password, command.password);
      await passwordPolicy.refuseBreached(password);
      const passwordHash = await hasher.hash(caller, password);
      // The language of the message is the user's, not the caller's.
      const manager = { ...caller, locale: undefined };
      await store.transaction(async (repositories) => {
        await replacePassword(deps, repositories, manager, view, passwordHash, 'credential.changed');
        await repositories.users.setPasskeyOnly(caller.tenant.id, view.user.id, false);
      });
    },

    /** Sends what a new password is chosen with to a confirmed address or number. */
    async sendRecovery(
      caller: Caller,
      command: { readonly userId: string; readonly channel: string },
    ): Promise<void> {
      const view = await find(caller, command.userId);
      const { user, email, mobile } = view;
      const ways = command.channel === '' ? [email, mobile] : [command.channel === 'email' ? email : mobile];
      const to = ways.find((held) => held?.confirmedAt !== undefined);
      if (to === undefined) throw new DomainError('CHANNEL_UNAVAILABLE');
      await chargeRecipient(caller, 'recover', to.canonical);
      await store.transaction(async (repositories) => {
        await send(repositories, recoveryProof(deps, { ...caller, locale: undefined }, user, to));
        await record(repositories, deps, caller, { type: 'recovery.started', userId: user.id });
      });
    },
  };
}

export type CredentialCare = ReturnType<typeof createCredentialCare>;
