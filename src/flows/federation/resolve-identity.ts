import { hasAuthenticator } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError } from '../../domain/errors.ts';
import type { ExternalIdentity, ExternalProfile, ProviderClaims } from '../../domain/external-identity.ts';
import type { HeldIdentifier } from '../../domain/identifier.ts';
import { type ProfileField, parseProfileText, profileTexts } from '../../domain/profile.ts';
import type { Random } from '../../domain/random.ts';
import { DuplicateError, type Store } from '../../domain/repositories.ts';
import type { OwnedIdentifier } from '../../domain/user.ts';
import {
  createProvedUser,
  holdActive,
  type ProvedProfile,
  type TakeOverStores,
  takeOver,
} from '../accounts/prove-owner.ts';
import { record } from '../events/record.ts';
import { notifyUser } from '../messages.ts';

export type ResolveDeps = {
  readonly store: Store<TakeOverStores | 'outbox'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** The claims of a provider, and the identifier that they give the account here. */
export type Arrival = {
  /** The name of the connection, or `manam`. */
  readonly provider: string;
  readonly claims: ProviderClaims;
  readonly profile: ExternalProfile;
  /** The identifier of a new account; undefined: the provider does not answer for any. */
  readonly identifier: Pick<HeldIdentifier, 'kind' | 'address' | 'canonical'> | undefined;
  /** Whether the provider's word is enough to open an account that exists here (R51). */
  readonly mayLink: boolean;
  /** Whether it may make an account. */
  readonly mayCreate: boolean;
  /** Whether its word stands for the account's second factor as well. */
  readonly isTrusted: boolean;
  /** Whether they may learn that the address has an account: not where anybody could have claimed it (R33). */
  readonly mayTell: boolean;
};

/** Retries where an account changes between the read and the write. */
const maxRaces = 5;

/** Brackets, controls, and marks that turn the order of what stands beside them. */
const unwanted = /[<>\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/** What a profile takes of a provider's text; names are the user's own words. Empty where it takes nothing. */
function fieldOf(text: string, field: ProfileField): string {
  // Pages show it: it leads to a picture, and runs nothing.
  if (field === 'picture' && !/^https?:\/\//i.test(text)) return '';
  try {
    return parseProfileText(field, text.slice(0, profileTexts[field].maxLength).replace(unwanted, ''));
  } catch {
    return '';
  }
}

function profileOf({ fields }: ProviderClaims): ProvedProfile {
  const { firstName = '', lastName = '', ...others } = fields;
  const parsed = Object.entries({ firstName, lastName, ...others }).map(([field, text]) => [
    field,
    fieldOf(text, field as ProfileField),
  ]);
  return Object.fromEntries(parsed) as ProvedProfile;
}

/**
 * Finds or creates the user of an identity (R50, R51): by issuer and subject; else, if the
 * provider is authoritative for the address, the confirmed account of that address; else a
 * new account. An unconfirmed account of that address may belong to another party, so its
 * content is wiped before the owner of the address gets it. Without that authority nothing
 * opens. An account that has an identity of a provider opens to no other one of the same provider
 * and address, which may have been reassigned there: the user signs in here first and connects it.
 */
export function createResolveIdentity(deps: ResolveDeps) {
  const { store, clock } = deps;

  return async function resolveIdentity(caller: Caller, arrival: Arrival): Promise<string> {
    for (let race = 0; race < maxRaces; race += 1) {
      const userId = await attempt(caller, arrival);
      if (userId !== undefined) return userId;
    }
    throw new DomainError('UNAVAILABLE', { retryAfterMs: 1000 });
  };

  /** The user's id; undefined where another call changed the account meanwhile. */
  async function attempt(caller: Caller, arrival: Arrival): Promise<string | undefined> {
    const tenantId = caller.tenant.id;
    const { issuer, subject } = arrival.claims;
    const known = await store.identities.find(tenantId, issuer, subject);
    if (known !== undefined) {
      // Fields that this sign-in lacks may be known from an earlier one.
      await store.identities.updateProfile({
        ...known,
        profile: { ...known.profile, ...arrival.profile },
      });
      return known.userId;
    }
    const { identifier, mayLink } = arrival;
    if (identifier === undefined) throw await dueElsewhere(tenantId, arrival);
    const held = await store.users.findIdentifier(tenantId, identifier);
    try {
      // Where its owner has proved something else, this identifier was only claimed, and the proof is here.
      if (held === undefined || (held.confirmedAt === undefined && held.isOwnerConfirmed)) {
        if (!arrival.mayCreate) throw new DomainError('REGISTRATION_REQUIRED');
        return await create(caller, arrival, identifier);
      }
      if (held.confirmedAt === undefined && (mayLink || held.origin === 'self'))
        return await takeOverWith(caller, arrival, held);
      if (!mayLink) throw new DomainError('LOCAL_LOGIN_REQUIRED');
      return await link(caller, arrival, held);
    } catch (error) {
      if (error instanceof DuplicateError) return undefined;
      throw error;
    }
  }

  /** The error where the provider is not authoritative for the address: it names a way to sign in that exists. */
  async function dueElsewhere(tenantId: string, { claims, mayTell }: Arrival): Promise<DomainError> {
    if (!mayTell) return new DomainError('PROVIDER_ADDRESS_UNPROVED');
    const identifier = emailIdentifier(claims.email);
    const held = identifier && (await store.users.findIdentifier(tenantId, identifier));
    const reason = held?.confirmedAt === undefined ? 'REGISTRATION_REQUIRED' : 'LOCAL_LOGIN_REQUIRED';
    return new DomainError(reason);
  }

  function identityOf(caller: Caller, { provider, claims, profile }: Arrival, userId: string) {
    const { issuer, subject } = claims;
    return { tenantId: caller.tenant.id, issuer, subject, userId, provider, profile, createdAt: clock() };
  }

  async function create(
    caller: Caller,
    arrival: Arrival,
    identifier: NonNullable<Arrival['identifier']>,
  ): Promise<string> {
    return await store.transaction(async (repositories) => {
      const profile = profileOf(arrival.claims);
      const userId = await createProvedUser(deps, repositories, caller, identifier, profile);
      await repositories.identities.insert(identityOf(caller, arrival, userId));
      return userId;
    });
  }

  /** Links a confirmed account; its owner gets a notice (R46). */
  async function link(caller: Caller, arrival: Arrival, held: HeldIdentifier): Promise<string | undefined> {
    const { id: tenantId } = caller.tenant;
    const { userId } = held;
    return await store.transaction(async (repositories) => {
      const { users, identities, authenticators } = repositories;
      const view = await holdActive(repositories, tenantId, userId);
      const isFrozen = view.frozenUntil !== undefined && view.frozenUntil > clock();
      const others = await identities.listOfUser(tenantId, userId);
      const { issuer } = arrival.claims;
      const isSame = (each: ExternalIdentity) => each.provider === arrival.provider || each.issuer === issuer;
      // Who has the address there would be spared the factor that protects the account here.
      const isProtected =
        arrival.isTrusted && hasAuthenticator(await authenticators.findEnrolled(tenantId, userId));
      if (isFrozen || isProtected || others.some(isSame)) throw new DomainError('LOCAL_LOGIN_REQUIRED');
      const now = await users.findIdentifier(tenantId, held);
      if (now?.userId !== userId || now.confirmedAt === undefined) return undefined;
      await identities.insert(identityOf(caller, arrival, userId));
      await notifyUser(deps, repositories, caller, view, 'identity-linked');
      const details = { provider: arrival.provider };
      await record(repositories, deps, caller, { type: 'identity.linked', userId, details });
      return userId;
    });
  }

  /** Gives an unproved account to the owner of its address, with the identity. */
  async function takeOverWith(
    caller: Caller,
    arrival: Arrival,
    held: OwnedIdentifier,
  ): Promise<string | undefined> {
    const { userId } = held;
    return await store.transaction(async (repositories) => {
      const profile = profileOf(arrival.claims);
      if (!(await takeOver(deps, repositories, caller, held, profile))) return undefined;
      await repositories.identities.insert(identityOf(caller, arrival, userId));
      return userId;
    });
  }
}

export type ResolveIdentity = ReturnType<typeof createResolveIdentity>;

/** The e-mail identifier of a provider's address; undefined where it is none. */
export function emailIdentifier(address: string): Arrival['identifier'] {
  try {
    return { kind: 'email', ...parseEmail(address) };
  } catch {
    return undefined;
  }
}
