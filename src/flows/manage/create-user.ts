import { type Caller, managerOf } from '../../domain/caller.ts';
import { assertCredentials } from '../../domain/freshness.ts';
import { readIdentifier } from '../../domain/identifier.ts';
import type { MessageCharge, RecipientCharge } from '../charges.ts';
import { rememberResult } from '../idempotency.ts';
import type { CreateUserCommand, createUserCare } from './user-care.ts';

export type CreateUserDeps = {
  readonly userCare: ReturnType<typeof createUserCare>;
  readonly chargeRecipient: RecipientCharge;
  readonly chargeMessage: MessageCharge;
};

/** Makes a user of the caller's tenant. Its message counts against the limits of the address or number. */
export function createCreateUser({ userCare, chargeRecipient, chargeMessage }: CreateUserDeps) {
  return async function createUser(
    caller: Caller,
    command: Omit<CreateUserCommand, 'tenant'>,
  ): Promise<{ userId: string }> {
    const { id: tenant } = caller.tenant;
    // To vouch for an address is to open the account to its mailbox.
    if (command.confirmed) assertCredentials(managerOf(caller));
    if (!command.silent) await chargeMessages(caller, command);
    const view = await userCare.create(managerOf(caller), { ...command, tenant }, (repositories, userId) =>
      rememberResult(repositories, caller, { userId }),
    );
    return { userId: view.user.id };
  };

  /** Ignores text that is no address or number: creating the user rejects it. */
  async function chargeMessages(
    caller: Caller,
    { email, mobile }: Pick<CreateUserCommand, 'email' | 'mobile'>,
  ): Promise<void> {
    const first = email === '' ? mobile : email;
    const { policy } = caller.tenant;
    const identifier = readIdentifier(first, policy);
    if (identifier === undefined) return;
    await chargeMessage(caller);
    await chargeRecipient(caller, 'create', identifier.canonical);
  }
}
