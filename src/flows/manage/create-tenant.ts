import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import { DomainError } from '../../domain/errors.ts';
import { parseName } from '../../domain/profile.ts';
import type { Random } from '../../domain/random.ts';
import { DuplicateError, type Repositories, type Store } from '../../domain/repositories.ts';
import { manamSlug, type Tenant } from '../../domain/tenant.ts';
import { assertOwnName, type SkeletonOf } from '../../domain/tenant-name.ts';
import { defaultPolicy } from '../../domain/tenant-policy.ts';
import { record } from '../events/record.ts';
import type { Limiter } from '../limits.ts';
import { ownSession } from '../sessions/own-session.ts';
import { makeKey } from './keys.ts';
import { asPerson } from './manager.ts';
import { parseTenantName } from './tenants.ts';

export type CreateTenantDeps = {
  readonly store: Store<'tenants' | 'members' | 'users' | 'events'>;
  readonly limiter: Limiter;
  /** Whether people make tenants for themselves, or by an operator's invitation. */
  readonly developerSignUp: 'open' | 'invitation' | 'off';
  readonly skeletonOf: SkeletonOf;
  readonly clock: Clock;
  readonly random: Random;
  /** The origin of the hosted pages. */
  readonly origin: string;
};

/** A tenant with its keys, whose texts are stored nowhere. */
export type MadeTenant = {
  readonly tenant: Tenant;
  readonly publishableKey: string;
  readonly secretKey: string;
};

/** The most tenants that one person owns by making them. */
const maxOwned = 5;
const perDay = 10;
/** The scopes of the first secret key: the least that a back end needs to start. */
const firstScopes = ['users.read', 'users.write', 'events.read'] as const;

/**
 * Makes a tenant for a user of Manam, who becomes its owner. Until it has proved a sender it is confined: its messages
 * reach its members alone, by the sender of Manam, and in the words of Manam.
 */
export function createCreateTenant(deps: CreateTenantDeps) {
  const { store, limiter, developerSignUp, skeletonOf, clock, random, origin } = deps;

  /** Spends an invitation of an operator, where tenants are made by invitation. */
  async function admit({ members }: Pick<Repositories, 'members'>, manam: Tenant, email: string) {
    if (developerSignUp === 'open') return;
    const open = await members.listInvitations(manam.id, clock());
    const own = open.find((each) => each.email.toLowerCase() === email);
    if (developerSignUp === 'off' || own === undefined || !(await members.deleteInvitation(manam.id, own.id)))
      throw new DomainError('TENANT_SIGN_UP_DENIED');
  }

  return async function createTenant(
    caller: Caller,
    command: { readonly slug: string; readonly name: string },
  ): Promise<MadeTenant> {
    const { userId, holder } = ownSession(caller);
    const { tenant: manam } = caller;
    if (manam.slug !== manamSlug) throw new DomainError('NOT_FOUND');
    if (developerSignUp === 'off') throw new DomainError('TENANT_SIGN_UP_DENIED');
    const { slug } = command;
    const name = parseName(parseTenantName(command.name), 'name');
    await assertOwnName({ slug, name }, skeletonOf);
    const budget = { name: 'tenant.create', max: perDay, windowMs: dayMs };
    await limiter.charge(manam.id, budget, userId);
    const { senders } = manam.policy;
    const policy = {
      ...defaultPolicy(origin, slug),
      origins: ['http://localhost:*', 'http://127.0.0.1:*'],
      senders: { default: senders.default, addresses: [senders.default] },
    };
    const createdAt = clock();
    const tenant: Tenant = {
      id: random.uuid(),
      slug,
      name,
      status: 'active',
      policy,
      createdAt,
      confined: true,
    };
    try {
      return await store.transaction(async (repositories) => {
        const { tenants, users, members } = repositories;
        // Two calls of one person come one after the other.
        await users.lock(manam.id, userId);
        const owned = (await members.listOfUser(userId)).filter(({ role }) => role === 'owner');
        if (owned.length >= maxOwned)
          throw new DomainError('TENANT_LIMIT', { metadata: { most: String(maxOwned) } });
        const { email } = holder;
        await admit(repositories, manam, email?.confirmedAt === undefined ? '' : email.canonical);
        await tenants.insert(tenant);
        await members.insert({ tenantId: tenant.id, userId, role: 'owner', createdAt });
        const actor = asPerson(caller, tenant);
        await record(repositories, deps, actor, { type: 'tenant.created' });
        const joined = { person: userId, role: 'owner' };
        await record(repositories, deps, actor, { type: 'member.joined', details: joined });
        const make = async (kind: 'publishable' | 'secret') => {
          const scopes = kind === 'secret' ? firstScopes : [];
          const { key, text } = await makeKey(repositories, deps, { tenantId: tenant.id, kind, scopes });
          await record(repositories, deps, actor, { type: 'key.created', details: { key: key.id } });
          return text;
        };
        return { tenant, publishableKey: await make('publishable'), secretKey: await make('secret') };
      });
    } catch (error) {
      throw error instanceof DuplicateError ? new DomainError('SLUG_TAKEN') : error;
    }
  };
}
