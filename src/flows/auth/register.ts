import { parseBirthday } from '../../domain/birthday.ts';
import type { Caller } from '../../domain/caller.ts';
import { emptyProfile } from '../../domain/empty-profile.ts';
import { createViolations, DomainError } from '../../domain/errors.ts';
import { type IdentifierInput, parseIdentifier } from '../../domain/identifier.ts';
import type { HeldIdentifier, User } from '../../domain/model.ts';
import type { Clock, PasswordHasher, Random, Vault } from '../../domain/ports.ts';
import { type Json, parseCustomFields, parseName, parseText } from '../../domain/profile.ts';
import { matchRegisteredUrl } from '../../domain/registered-url.ts';
import { DuplicateError, type Repositories, type Store } from '../../domain/repositories.ts';
import { auditEvent } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';
import type { RecipientCharge } from '../limits.ts';
import { composeNotice, messageLocale } from '../messages.ts';
import type { PasswordPolicy } from '../password-policy.ts';
import { sendConfirmation } from './confirmation.ts';

export type RegisterDeps = {
  readonly store: Store<'users' | 'challenges' | 'outbox' | 'audit' | 'idempotency'>;
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

/** How often an account may change between our look at it and our write. */
const maxRaces = 5;

/**
 * Registers an account. Whatever the state of the address, the caller sees the same
 * answer and the same number of password hashes is done (R33).
 */
export function createRegister(deps: RegisterDeps) {
  const { hasher, passwordPolicy, clock, random, chargeRecipient } = deps;
  return async function register(caller: Caller, command: RegisterCommand): Promise<void> {
    const { user, identifier, password } = parse(caller, command, passwordPolicy, clock(), random);
    await chargeRecipient(caller, 'register', identifier.canonical);
    await passwordPolicy.refuseBreached(password);
    const passwordHash = await hasher.hash(caller, password);

    for (let race = 0; race < maxRaces; race += 1) {
      if (await write(deps, caller, user, identifier, passwordHash)) return;
    }
    throw new DomainError('UNAVAILABLE', { retryAfterMs: 1000 });
  };
}

/** Writes the registration as the account stands now; false where another call changed it meanwhile. */
async function write(
  deps: Pick<RegisterDeps, 'store' | 'clock' | 'random' | 'vault'>,
  caller: Caller,
  user: User,
  identifier: HeldIdentifier,
  passwordHash: string,
): Promise<boolean> {
  const { tenant } = caller;
  const held = await deps.store.users.findIdentifier(tenant.id, identifier);

  if (held?.isOwnerConfirmed) {
    if (tenant.policy.discloseRegistration) throw new DomainError('IDENTIFIER_TAKEN');
    const { kind, address, locale: userLocale, senderEmail, userId } = held;
    const notice = composeNotice(deps, caller, { kind, address, userLocale, senderEmail }, 'account-exists');
    await deps.store.transaction(async (repositories) => {
      await repositories.outbox.add(notice);
      await conclude(deps, repositories, caller, { userId, reason: 'IDENTIFIER_TAKEN' });
    });
    return true;
  }

  const owned = held === undefined ? user : { ...user, id: held.userId };
  const own = { ...identifier, userId: owned.id };
  const order = {
    kind: own.kind,
    address: own.address,
    userId: own.userId,
    userLocale: owned.locale,
    senderEmail: owned.senderEmail,
    confirmUrl: owned.confirmUrl,
  };
  try {
    return await deps.store.transaction(async (repositories) => {
      if (held === undefined) await repositories.users.insert(owned, own, passwordHash);
      else if (!(await repositories.users.replaceUnconfirmed(owned, own, passwordHash))) return false;
      await sendConfirmation(deps, repositories, caller, order);
      await conclude(deps, repositories, caller, { userId: owned.id });
      return true;
    });
  } catch (error) {
    if (error instanceof DuplicateError) return false;
    throw error;
  }
}

/** The end of every registration, in its transaction: the audit line, and the answer for a retry. */
async function conclude(
  deps: Pick<RegisterDeps, 'clock' | 'random'>,
  repositories: Pick<Repositories, 'audit' | 'idempotency'>,
  caller: Caller,
  subject: { readonly userId: string; readonly reason?: string },
): Promise<void> {
  await repositories.audit.add(auditEvent(deps, caller, 'register', 'success', subject));
  await rememberResult(repositories, caller, undefined);
}

/** Reads the command; everything that is wrong with it is told at once. */
function parse(
  caller: Caller,
  command: RegisterCommand,
  passwordPolicy: PasswordPolicy,
  now: Date,
  random: Random,
) {
  const { tenant, key } = caller;
  const { policy } = tenant;
  if (command.role !== '' && (key?.kind !== 'secret' || !key.scopes.includes('users.write'))) {
    throw new DomainError('ROLE_DENIED');
  }

  const violations = createViolations();
  const { collect } = violations;
  const parsed = collect(() => parseIdentifier(command, policy));
  const firstName = collect(() => parseName(command.firstName, 'first_name'));
  const lastName = collect(() => parseName(command.lastName, 'last_name'));
  const password = collect(() =>
    passwordPolicy.parse(caller, [parsed?.canonical ?? ''], command.password, command.confirmPassword),
  );
  const nationalCode = collect(() => parseText(command.nationalCode, 'national_code', 32));
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
  violations.refuse();
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
  const identifier: HeldIdentifier = { ...parsed, userId: id, confirmedAt: undefined };
  return { user, identifier, password };
}
