import { parseBirthday } from '../../domain/birthday.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { createViolations, DomainError } from '../../domain/errors.ts';
import { type HeldIdentifier, type IdentifierInput, parseIdentifier } from '../../domain/identifier.ts';
import type { PasswordHasher } from '../../domain/password.ts';
import { emptyProfile, type Json, parseCustomFields, parseProfileText } from '../../domain/profile.ts';
import type { Random } from '../../domain/random.ts';
import { matchRegisteredUrl } from '../../domain/registered-url.ts';
import { DuplicateError, type Repositories, type Store } from '../../domain/repositories.ts';
import { assertPasswords } from '../../domain/tenant.ts';
import type { OwnedIdentifier, User } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import type { RecipientCharge } from '../charges.ts';
import { type RecordDeps, record } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { composeNotice, messageLocale, recipientOf } from '../messages.ts';
import type { PasswordParser, PasswordPolicy } from '../password-policy.ts';
import { confirmationOf, sendConfirmation } from './confirmation.ts';

export type RegisterDeps = {
  readonly store: Store<'users' | 'challenges' | 'outbox' | 'events' | 'idempotency'>;
  readonly hasher: PasswordHasher;
  readonly passwordPolicy: PasswordPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly vault: Vault;
  readonly chargeRecipient: RecipientCharge;
};

export type RegisterCommand = IdentifierInput & {
  readonly password: string;
  readonly confirmPassword: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly nationalCode: string;
  readonly birthday: string;
  readonly role: string;
  readonly customFields: Json | undefined;
  readonly confirmUrl: string;
  readonly senderEmail: string;
};

/** Retries where an account changes between the read and the write. */
const maxRaces = 5;

/**
 * Registers an account. Whatever the state of the address, the caller sees the same
 * answer and the same number of password hashes is done (R33).
 */
export function createRegister(deps: RegisterDeps) {
  const { store, hasher, passwordPolicy, vault, clock, random, chargeRecipient } = deps;
  return async function register(caller: Caller, command: RegisterCommand): Promise<void> {
    assertPasswords(caller.tenant.policy);
    const { user, identifier, password } = parse(
      caller,
      command,
      await passwordPolicy.loadParser(),
      clock(),
      random,
    );
    await chargeRecipient(caller, 'register', identifier.canonical);
    await passwordPolicy.refuseBreached(password);
    const passwordHash = await hasher.hash(caller, password, saltOf(vault, caller, identifier));

    for (let race = 0; race < maxRaces; race += 1) {
      const held = await store.users.findIdentifier(caller.tenant.id, identifier);
      if (await write(deps, caller, { user, identifier, passwordHash }, held)) return;
    }
    throw new DomainError('UNAVAILABLE', { retryAfterMs: 1000 });
  };
}

/**
 * The salt of a registration, derived from its identifier: equal hashes show that two
 * registrations have the same password, such as those of a double click.
 */
function saltOf(vault: Vault, { tenant }: Caller, { kind, canonical }: HeldIdentifier): Buffer {
  return vault
    .mac('registration-salt', Buffer.from(JSON.stringify([tenant.id, kind, canonical])))
    .subarray(0, 16);
}

type Registration = {
  readonly user: User;
  readonly identifier: HeldIdentifier;
  readonly passwordHash: string;
};

type WriteDeps = Pick<RegisterDeps, 'store' | 'clock' | 'random' | 'vault'>;

/** Writes the registration as the account stands now; false where another call changed it meanwhile. */
async function write(
  deps: WriteDeps,
  caller: Caller,
  registration: Registration,
  held: OwnedIdentifier | undefined,
): Promise<boolean> {
  if (held?.confirmedAt !== undefined) return await tellOwner(deps, caller, held);
  try {
    return await deps.store.transaction(async (repositories) => {
      const userId = await claim(repositories, registration, held);
      if (userId === undefined) return false;
      const order = confirmationOf({ ...registration.user, userId }, registration.identifier);
      await sendConfirmation(deps, repositories, caller, order);
      await conclude(deps, repositories, caller, 'user.registered', userId);
      return true;
    });
  } catch (error) {
    if (error instanceof DuplicateError) return false;
    throw error;
  }
}

/** The identifier is already proved: the account is left alone. */
async function tellOwner(deps: WriteDeps, caller: Caller, held: OwnedIdentifier): Promise<boolean> {
  if (caller.tenant.policy.discloseRegistration) throw new DomainError('IDENTIFIER_TAKEN');
  const notice = composeNotice(deps, caller, recipientOf(held, held), 'account-exists');
  await deps.store.transaction(async (repositories) => {
    await repositories.outbox.add(notice);
    await conclude(deps, repositories, caller, 'user.registration_repeated', held.userId);
  });
  return true;
}

/**
 * Notes who wants to prove the identifier. It is still unproved, so it blocks no one:
 * a second party with another password makes the first password void, and its own as well,
 * because the owner of the address need not be either of them (R71). What a back end
 * made stays as it is. Returns the user who is confirmed by the message; undefined where
 * the account was proved meanwhile.
 */
async function claim(
  { users }: Pick<Repositories, 'users'>,
  { user, identifier, passwordHash }: Registration,
  held: OwnedIdentifier | undefined,
): Promise<string | undefined> {
  if (held === undefined) {
    await users.insert(user, identifier, passwordHash);
    return user.id;
  }
  const { userId } = held;
  const own = { ...user, id: userId };
  // The account belongs to a user who has proved another identifier: the proof of this one makes a new account.
  if (held.isOwnerConfirmed) {
    await users.insert(user, undefined, undefined);
    return user.id;
  }
  const isBackEnd = user.origin === 'back-end';
  if (isBackEnd || (held.origin === 'self' && held.passwordHash === passwordHash)) {
    return (await users.replaceUnconfirmed(own, { ...identifier, userId }, passwordHash))
      ? userId
      : undefined;
  }
  if (held.origin === 'back-end') return userId;
  return (await users.dispute(user.tenantId, userId)) ? userId : undefined;
}

/** The end of every registration, in its transaction: the event, and the answer for a retry. */
async function conclude(
  deps: RecordDeps,
  repositories: Pick<Repositories, 'events' | 'idempotency'>,
  caller: Caller,
  type: 'user.registered' | 'user.registration_repeated',
  userId: string,
): Promise<void> {
  await record(repositories, deps, caller, { type, userId });
  await rememberResult(repositories, caller, undefined);
}

/** Whether a back end of the tenant registers a user, and not the user. */
function isBackEnd({ key }: Caller): boolean {
  return key?.kind === 'secret' && key.scopes.includes('users.write');
}

/** Parses the command; one error reports all violations. */
function parse(
  caller: Caller,
  command: RegisterCommand,
  parsePassword: PasswordParser,
  now: Date,
  random: Random,
) {
  const { tenant } = caller;
  const { policy } = tenant;
  if (command.role !== '' && !isBackEnd(caller)) throw new DomainError('ROLE_DENIED');

  const violations = createViolations();
  const { collect } = violations;
  const parsed = collect(() => parseIdentifier(command, policy));
  const firstName = collect(() => parseProfileText('firstName', command.firstName));
  const lastName = collect(() => parseProfileText('lastName', command.lastName));
  const password = collect(() =>
    parsePassword(
      caller,
      [parsed?.canonical ?? '', firstName ?? '', lastName ?? ''],
      command.password,
      command.confirmPassword,
    ),
  );
  const nationalCode = collect(() => parseProfileText('nationalCode', command.nationalCode));
  const birthday = collect(() => parseBirthday(command.birthday, now));
  const customFields = collect(() => parseCustomFields(command.customFields));
  const confirmUrl = collect(() =>
    matchRegisteredUrl(command.confirmUrl, policy.confirmUrls, '', 'confirm_url'),
  );
  if (command.senderEmail !== '' && !policy.senders.addresses.includes(command.senderEmail)) {
    violations.add('sender_email', 'SENDER_NOT_REGISTERED');
  }
  if (command.role !== '' && !Object.hasOwn(policy.roles, command.role))
    violations.add('role', 'ROLE_UNKNOWN');
  violations.throwIfAny();
  // Unreachable after refuse(); said for the compiler.
  if (parsed === undefined || password === undefined) throw new DomainError('INTERNAL');

  const id = random.uuid();
  const user: User = {
    id,
    tenantId: tenant.id,
    status: 'active',
    locale: messageLocale(caller),
    roles: command.role === '' ? [] : [command.role],
    senderEmail: command.senderEmail,
    confirmUrl: confirmUrl ?? '',
    createdAt: now,
    origin: isBackEnd(caller) ? 'back-end' : 'self',
    profile: {
      ...emptyProfile,
      firstName: firstName ?? '',
      lastName: lastName ?? '',
      nationalCode: nationalCode ?? '',
      birthday: birthday?.text ?? '',
      birthdayGregorian: birthday?.gregorian,
      customFields: customFields ?? [],
    },
  };
  const identifier: HeldIdentifier = { ...parsed, userId: id, confirmedAt: undefined, addedAt: now };
  return { user, identifier, password };
}
