import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { ParsedIdentifier } from '../../domain/identifier.ts';
import { emptyProfile, type Profile, type ProfileField } from '../../domain/profile.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { OwnedIdentifier, User, UserView } from '../../domain/user.ts';
import { endAccess } from '../after-change.ts';
import { record } from '../events/record.ts';
import { messageLocale } from '../messages.ts';

// An address or a number that was proved, by a provider's word or by a code, and that no
// one had proved before.

export type ProveOwnerDeps = { readonly clock: Clock; readonly random: Random };

/** The parts of a profile that come with the proof. */
export type ProvedProfile = Pick<Profile, 'firstName' | 'lastName'> & Partial<Pick<Profile, ProfileField>>;

/** The repositories that a new account writes. */
export type NewAccountStores = 'users' | 'events';

/** The repositories that change with the owner of an account. */
export type TakeOverStores =
  | NewAccountStores
  | 'identities'
  | 'terms'
  | 'sessions'
  | 'grants'
  | 'trustedDevices'
  | 'factorResets'
  | 'challenges'
  | 'authenticators'
  | 'recoveryCodes'
  | 'attempts';

/**
 * Makes an account for the owner of an identifier, in the caller's transaction; returns its id. It has no
 * password. Throws DuplicateError where another user has proved the identifier meanwhile.
 */
export async function createProvedUser(
  deps: ProveOwnerDeps,
  repositories: Pick<Repositories, NewAccountStores>,
  caller: Caller,
  identifier: ParsedIdentifier,
  profile: ProvedProfile,
): Promise<string> {
  const { users } = repositories;
  const now = deps.clock();
  const user: User = {
    id: deps.random.uuid(),
    tenantId: caller.tenant.id,
    status: 'active',
    locale: messageLocale(caller),
    roles: [],
    senderEmail: '',
    confirmUrl: '',
    createdAt: now,
    origin: 'self',
    profile: { ...emptyProfile, ...profile },
  };
  const own = { ...identifier, userId: user.id, confirmedAt: undefined, addedAt: now };
  await users.releaseClaim(user.tenantId, identifier, user.id, 'proved');
  await users.insert(user, own, undefined);
  await users.confirmIdentifier(user.tenantId, user.id, identifier, now);
  await record(repositories, deps, caller, { type: 'user.registered', userId: user.id });
  return user.id;
}

/** The user, held still until the transaction ends; one who is disabled gets nothing (R52). */
export async function holdActive(
  { users }: Pick<Repositories, 'users'>,
  tenantId: string,
  userId: string,
): Promise<UserView> {
  await users.lock(tenantId, userId);
  const view = await users.findById(tenantId, userId);
  if (view?.user.status !== 'active') throw new DomainError('CREDENTIALS_INVALID');
  return view;
}

/**
 * Gives an account that was never confirmed to the owner of its address, with nothing of its
 * maker in it, in the caller's transaction. False where it was confirmed meanwhile.
 */
export async function takeOver(
  deps: ProveOwnerDeps,
  repositories: Pick<Repositories, TakeOverStores>,
  caller: Caller,
  held: OwnedIdentifier,
  profile: ProvedProfile,
): Promise<boolean> {
  const { users, identities, authenticators, recoveryCodes, attempts, terms } = repositories;
  const { id: tenantId } = caller.tenant;
  const { userId } = held;
  const { user, email, mobile } = await holdActive(repositories, tenantId, userId);
  // A concurrent confirmation of any of its identifiers wins.
  if ([email, mobile].some((each) => each?.confirmedAt !== undefined)) return false;
  if (!(await users.confirmIdentifier(tenantId, userId, held, deps.clock()))) return false;
  // The maker's other address would let the maker back in.
  await users.removeOtherIdentifiers(tenantId, userId, held);
  if (held.origin === 'self') await users.deletePassword(tenantId, userId);
  await endAccess(deps, repositories, caller, user, undefined);
  await identities.remove(tenantId, userId, undefined);
  await authenticators.removeAll(tenantId, userId);
  await recoveryCodes.replace(tenantId, userId, []);
  await attempts.forget(tenantId, userId);
  await terms.forget(tenantId, userId);
  // Data of a back end is meant for the owner of the address, and stays.
  if (held.origin === 'self')
    await users.update(tenantId, userId, { ...emptyProfile, ...profile, roles: [] });
  await record(repositories, deps, caller, { type: 'user.taken_over', userId });
  return true;
}
