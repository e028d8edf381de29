import type { AccountChange, AccountChangeRepository } from '../../../src/domain/account-change.ts';
import {
  type Authenticator,
  type AuthenticatorRepository,
  inOrder,
} from '../../../src/domain/authenticator.ts';
import type { SignInOrigin } from '../../../src/domain/device.ts';
import type { IdentityRepository } from '../../../src/domain/external-identity.ts';
import type { FactorReset, FactorResetRepository } from '../../../src/domain/factor-reset.ts';
import type { HeldIdentifier, Identifier } from '../../../src/domain/identifier.ts';
import { emptyProfile, type Profile } from '../../../src/domain/profile.ts';
import type { RecoveryCodeRepository } from '../../../src/domain/recovery-code.ts';
import { DuplicateError } from '../../../src/domain/repositories.ts';
import type { TermsRepository } from '../../../src/domain/terms.ts';
import type { User, UserRepository, UserView } from '../../../src/domain/user.ts';
import { byId } from './table.ts';
import type { Tables } from './tables.ts';

const same = (a: Identifier, b: Identifier) => a.kind === b.kind && a.canonical === b.canonical;

function addIdentifier({ identifiers }: Tables, tenantId: string, identifier: HeldIdentifier): void {
  if (!identifiers.insert({ ...identifier, tenantId })) throw new DuplicateError();
}

export function viewOf(
  { users, identifiers }: Tables,
  tenantId: string,
  userId: string,
): UserView | undefined {
  const row = users.find((each) => each.tenantId === tenantId && each.id === userId);
  if (row === undefined) return undefined;
  const { confirmedAt: _, frozenUntil, passkeyOnly: ___, ...user } = row;
  const held = (kind: Identifier['kind']) => {
    const found = identifiers.find(
      (each) => each.tenantId === tenantId && each.userId === userId && each.kind === kind,
    );
    if (found === undefined) return undefined;
    const { tenantId: __, ...identifier } = found;
    return identifier;
  };
  return { user, email: held('email'), mobile: held('mobile'), frozenUntil };
}

export function enrolledOf({ authenticators, users }: Tables, tenantId: string, userId: string) {
  const own = authenticators.all((each) => each.tenantId === tenantId && each.userId === userId);
  const sms = own.find(({ kind }) => kind === 'sms');
  return {
    kinds: inOrder(own.map(({ kind }) => kind)),
    smsNumber: sms?.data.toString(),
    isPasskeyOnly:
      users.find((each) => each.tenantId === tenantId && each.id === userId)?.passkeyOnly ?? false,
  };
}

/** Deletes a user with every row of theirs, as the foreign keys of the database do. */
function deleteUser(tables: Tables, tenantId: string, userId: string): void {
  tables.users.delete((each) => each.tenantId === tenantId && each.id === userId);
  for (const table of [
    tables.identifiers,
    tables.credentials,
    tables.challenges,
    tables.sessions,
    tables.authenticators,
    tables.recoveryCodes,
    tables.identities,
    tables.consents,
    tables.terms,
    tables.trustedDevices,
    tables.accountChanges,
    tables.factorResets,
  ] as { delete(matches: (row: { tenantId: string; userId: string }) => boolean): number }[])
    table.delete((each) => each.tenantId === tenantId && each.userId === userId);
}

export function createUsers(tables: Tables): UserRepository {
  const { users, identifiers, credentials, sessions, attempts } = tables;
  const is = (tenantId: string, userId: string) => (each: User) =>
    each.tenantId === tenantId && each.id === userId;
  const hashOf = (tenantId: string, userId: string) =>
    credentials.find((each) => each.tenantId === tenantId && each.userId === userId)?.passwordHash;
  const setHash = async (tenantId: string, userId: string, passwordHash: string) => {
    credentials.delete((each) => each.tenantId === tenantId && each.userId === userId);
    credentials.insert({ tenantId, userId, passwordHash });
  };
  const dropHash = async (tenantId: string, userId: string) => {
    credentials.delete((each) => each.tenantId === tenantId && each.userId === userId);
  };
  const heldBy = (tenantId: string, identifier: Identifier) =>
    identifiers.find((each) => each.tenantId === tenantId && same(each, identifier));
  const isUnproved = (row: { readonly confirmedAt: Date | undefined }) => row.confirmedAt === undefined;
  const markConfirmed = async (tenantId: string, userId: string, at: Date) => {
    users.update((each) => is(tenantId, userId)(each) && isUnproved(each), { confirmedAt: at });
  };
  const accountOf = (tenantId: string, userId: string, { device, jkt }: SignInOrigin, now: Date) => {
    const view = viewOf(tables, tenantId, userId);
    if (view === undefined) return undefined;
    const own = sessions.all((each) => each.tenantId === tenantId && each.userId === userId);
    const live = own.filter((each) => each.revokedAt === undefined && each.expiresAt > now);
    const devices = {
      sessions: own.length,
      known: own.filter((each) => each.device !== '').length,
      same: own.filter((each) => each.device === device || each.binding?.jkt === jkt).length,
    };
    return { ...view, enrolled: enrolledOf(tables, tenantId, userId), liveSessions: live.length, devices };
  };

  return {
    async findIdentifier(tenantId, identifier) {
      const held = heldBy(tenantId, identifier);
      const owner = held && users.find(is(tenantId, held.userId));
      if (held === undefined || owner === undefined) return undefined;
      const { tenantId: _, ...own } = held;
      const { locale, senderEmail, confirmUrl, origin, status, confirmedAt } = owner;
      const isOwnerConfirmed = confirmedAt !== undefined;
      const passwordHash = hashOf(tenantId, owner.id);
      return { ...own, locale, senderEmail, confirmUrl, origin, status, isOwnerConfirmed, passwordHash };
    },
    async findForLogin(tenantId, identifier, origin, now) {
      const { address } = origin;
      const held = heldBy(tenantId, identifier);
      const account = held && accountOf(tenantId, held.userId, origin, now);
      if (held === undefined || account === undefined) return undefined;
      const { tenantId: _, ...own } = held;
      const total = attempts.find(
        (each) =>
          each.tenantId === tenantId && each.kind === 'password-total' && each.subject === held.userId,
      );
      const isKnownAddress =
        address !== '' &&
        sessions.find((each) => each.userId === held.userId && each.client.address === address) !== undefined;
      const passwordHash = hashOf(tenantId, held.userId);
      return {
        ...account,
        identifier: own,
        passwordHash,
        totalFailures: total?.failures ?? 0,
        isKnownAddress,
      };
    },
    findById: async (tenantId, userId) => viewOf(tables, tenantId, userId),
    findForSession: async (tenantId, userId, origin, now) => accountOf(tenantId, userId, origin, now),
    async insert(user, identifier, passwordHash) {
      if (!users.insert({ ...user, confirmedAt: undefined, frozenUntil: undefined, passkeyOnly: false }))
        throw new DuplicateError();
      if (identifier !== undefined) addIdentifier(tables, user.tenantId, identifier);
      if (passwordHash !== undefined) await setHash(user.tenantId, user.id, passwordHash);
    },
    addIdentifier: async (tenantId, identifier) => addIdentifier(tables, tenantId, identifier),
    lock: async () => {},
    async removeOtherIdentifiers(tenantId, userId, kept) {
      identifiers.delete(
        (each) => each.tenantId === tenantId && each.userId === userId && each.kind !== kept.kind,
      );
    },
    deletePassword: dropHash,
    async replaceUnconfirmed(user, identifier, passwordHash) {
      const { tenantId, id } = user;
      if (user.origin === 'self' && hashOf(tenantId, id) !== passwordHash) return false;
      const { status: _, createdAt: __, ...changes } = user;
      const matches = (
        each: typeof users extends { find(m: (row: infer R) => boolean): unknown } ? R : never,
      ) => is(tenantId, id)(each) && isUnproved(each);
      if (users.update(matches, changes) === 0) return false;
      identifiers.update(
        (each) => each.tenantId === tenantId && each.userId === id && same(each, identifier),
        {
          address: identifier.address,
        },
      );
      if (passwordHash === undefined) await dropHash(tenantId, id);
      else await setHash(tenantId, id, passwordHash);
      return true;
    },
    async dispute(tenantId, userId) {
      const disputed = users.update(
        (each) => is(tenantId, userId)(each) && each.origin === 'self' && isUnproved(each),
        { profile: emptyProfile, senderEmail: '', confirmUrl: '' },
      );
      if (disputed > 0) await dropHash(tenantId, userId);
      return disputed > 0;
    },
    async adopt(tenantId, userId) {
      const adopted = users.update(
        (each) => is(tenantId, userId)(each) && each.origin === 'self' && isUnproved(each),
        { origin: 'back-end' },
      );
      if (adopted > 0) await dropHash(tenantId, userId);
    },
    async releaseClaim(tenantId, identifier, userId, mode) {
      const claims = identifiers.all(
        (each) =>
          each.tenantId === tenantId && same(each, identifier) && each.userId !== userId && isUnproved(each),
      );
      for (const claim of claims) {
        const owner = users.find(is(tenantId, claim.userId));
        if (owner !== undefined && isUnproved(owner) && owner.origin === 'self')
          deleteUser(tables, tenantId, owner.id);
        else if (mode === 'proved') identifiers.delete((each) => each === claim);
      }
    },
    async removeIdentifiers(tenantId, userId, kinds) {
      identifiers.delete(
        (each) => each.tenantId === tenantId && each.userId === userId && kinds.includes(each.kind),
      );
    },
    async confirmIdentifier(tenantId, userId, identifier, at) {
      const confirmed = identifiers.update(
        (each) =>
          each.tenantId === tenantId && each.userId === userId && same(each, identifier) && isUnproved(each),
        { confirmedAt: at },
      );
      if (confirmed === 0) return false;
      await markConfirmed(tenantId, userId, at);
      return true;
    },
    markConfirmed,
    async update(tenantId, userId, { locale, roles, ...profile }) {
      users.update(is(tenantId, userId), (row) => ({
        ...(locale === undefined ? {} : { locale }),
        ...(roles === undefined ? {} : { roles }),
        profile: { ...row.profile, ...(profile as Partial<Profile>) },
      }));
    },
    async replaceIdentifier(tenantId, identifier) {
      const { userId, kind } = identifier;
      identifiers.delete(
        (each) => each.tenantId === tenantId && each.userId === userId && each.kind === kind,
      );
      addIdentifier(tables, tenantId, identifier);
    },
    delete: async (tenantId, userId) => deleteUser(tables, tenantId, userId),
    async search(tenantId, { prefix, afterId }, limit) {
      return users
        .all((each) => each.tenantId === tenantId && (afterId === undefined || each.id > afterId))
        .filter(({ id }) =>
          identifiers.all((each) => each.userId === id).some(({ canonical }) => canonical.startsWith(prefix)),
        )
        .sort(byId)
        .slice(0, limit)
        .flatMap(({ id }) => viewOf(tables, tenantId, id) ?? []);
    },
    async setPasskeyOnly(tenantId, userId, passkeyOnly) {
      users.update(is(tenantId, userId), { passkeyOnly });
    },
    async setStatus(tenantId, userId, status) {
      users.update(is(tenantId, userId), { status });
    },
    findPasswordHash: async (tenantId, userId) => hashOf(tenantId, userId),
    updatePasswordHash: setHash,
  };
}

export function createAuthenticators(tables: Tables): AuthenticatorRepository {
  const { authenticators } = tables;
  const inSlot = (tenantId: string, userId: string, slot: string) => (each: Authenticator) =>
    each.tenantId === tenantId && each.userId === userId && each.slot === slot;
  return {
    findEnrolled: async (tenantId, userId) => enrolledOf(tables, tenantId, userId),
    findForUpdate: async (tenantId, userId) => enrolledOf(tables, tenantId, userId),
    findInSlot: async (tenantId, userId, slot) => authenticators.find(inSlot(tenantId, userId, slot)),
    list: async (tenantId, userId) =>
      authenticators.all((each) => each.tenantId === tenantId && each.userId === userId).sort(byId),
    async insert(authenticator) {
      const { tenantId, userId, slot, lookup } = authenticator;
      const isTaken =
        authenticators.find(inSlot(tenantId, userId, slot)) !== undefined ||
        (lookup !== undefined &&
          authenticators.find(
            (each) => each.tenantId === tenantId && each.lookup?.equals(lookup) === true,
          ) !== undefined);
      if (isTaken || !authenticators.insert(authenticator)) throw new DuplicateError();
    },
    findByLookup: async (tenantId, lookup) =>
      authenticators.find((each) => each.tenantId === tenantId && each.lookup?.equals(lookup) === true),
    usePasskey: async (tenantId, id, { counter, flags, now }) =>
      authenticators.update(
        (each) =>
          each.tenantId === tenantId &&
          each.id === id &&
          (each.counter < counter || (each.counter === 0 && counter === 0)),
        { counter, flags, lastUsedAt: now },
      ) === 1,
    rename: async (tenantId, userId, id, label) =>
      authenticators.update(
        (each) => each.tenantId === tenantId && each.userId === userId && each.id === id,
        { label },
      ) === 1,
    raiseCounter: async (tenantId, id, counter, now) =>
      authenticators.update(
        (each) => each.tenantId === tenantId && each.id === id && each.counter < counter,
        {
          counter,
          lastUsedAt: now,
        },
      ) === 1,
    remove: async (tenantId, userId, slot) => authenticators.delete(inSlot(tenantId, userId, slot)) === 1,
    async removeAll(tenantId, userId) {
      authenticators.delete((each) => each.tenantId === tenantId && each.userId === userId);
    },
  };
}

export function createRecoveryCodes({ recoveryCodes }: Tables): RecoveryCodeRepository {
  type Code = {
    readonly tenantId: string;
    readonly userId: string;
    readonly foreign: boolean;
    readonly code: string;
  };
  const ofUser = (tenantId: string, userId: string) => (each: Code) =>
    each.tenantId === tenantId && each.userId === userId;
  const use = (tenantId: string, userId: string, foreign: boolean, code: string) =>
    recoveryCodes.delete(
      (each) => ofUser(tenantId, userId)(each) && each.foreign === foreign && each.code === code,
    ) === 1;
  return {
    count: async (tenantId, userId) => recoveryCodes.all(ofUser(tenantId, userId)).length,
    async replace(tenantId, userId, digests) {
      recoveryCodes.delete(ofUser(tenantId, userId));
      for (const digest of digests)
        recoveryCodes.insert({ tenantId, userId, foreign: false, code: digest.toString('hex') });
    },
    use: async (tenantId, userId, digest) => use(tenantId, userId, false, digest.toString('hex')),
    listForeign: async (tenantId, userId) =>
      recoveryCodes.all((each) => ofUser(tenantId, userId)(each) && each.foreign).map(({ code }) => code),
    async insertForeign(tenantId, userId, hashes) {
      for (const code of hashes) recoveryCodes.insert({ tenantId, userId, foreign: true, code });
    },
    useForeign: async (tenantId, userId, hash) => use(tenantId, userId, true, hash),
  };
}

export function createIdentities({ identities, consents }: Tables): IdentityRepository {
  return {
    find: async (tenantId, issuer, subject) =>
      identities.find(
        (each) => each.tenantId === tenantId && each.issuer === issuer && each.subject === subject,
      ),
    findOfUser: async (tenantId, userId, issuer) =>
      identities.find(
        (each) => each.tenantId === tenantId && each.userId === userId && each.issuer === issuer,
      ),
    listOfUser: async (tenantId, userId) =>
      identities.all((each) => each.tenantId === tenantId && each.userId === userId),
    listConsents: async (tenantId, userId) =>
      consents
        .all((each) => each.tenantId === tenantId && each.userId === userId)
        .map(({ consentedTenantId }) => consentedTenantId),
    async insert(identity) {
      if (!identities.insert(identity)) throw new DuplicateError();
    },
    async updateProfile({ tenantId, issuer, subject, profile }) {
      identities.update(
        (each) => each.tenantId === tenantId && each.issuer === issuer && each.subject === subject,
        { profile },
      );
    },
    remove: async (tenantId, userId, issuer) =>
      identities.delete(
        (each) =>
          each.tenantId === tenantId &&
          each.userId === userId &&
          (issuer === undefined || each.issuer === issuer),
      ),
    hasConsented: async (tenantId, userId, consentedTenantId) =>
      consents.find(
        (each) =>
          each.tenantId === tenantId &&
          each.userId === userId &&
          each.consentedTenantId === consentedTenantId,
      ) !== undefined,
    async consent(tenantId, userId, consentedTenantId) {
      consents.insert({ tenantId, userId, consentedTenantId });
    },
  };
}

export function createTermsRows({ terms }: Tables): TermsRepository {
  const ofUser = (tenantId: string, userId: string) => (each: { tenantId: string; userId: string }) =>
    each.tenantId === tenantId && each.userId === userId;
  return {
    async accept(tenantId, userId, version, acceptedAt) {
      terms.insert({ tenantId, userId, version, acceptedAt });
    },
    findAcceptance: async (tenantId, userId, version) =>
      terms.find((each) => ofUser(tenantId, userId)(each) && each.version === version)?.acceptedAt,
    async forget(tenantId, userId) {
      terms.delete(ofUser(tenantId, userId));
    },
  };
}

export function createAccountChanges({ accountChanges, users }: Tables): AccountChangeRepository {
  const ofUser = (tenantId: string, userId: string) => (each: AccountChange) =>
    each.tenantId === tenantId && each.userId === userId;
  const isUser = (tenantId: string, userId: string) => (each: User) =>
    each.tenantId === tenantId && each.id === userId;
  return {
    async add(change) {
      accountChanges.insert(change);
    },
    list: async (tenantId, userId, now) =>
      accountChanges.all((each) => ofUser(tenantId, userId)(each) && each.expiresAt > now).sort(byId),
    async freeze(tenantId, userId, { now, until, since }) {
      const frozen = users.update(
        (each) =>
          isUser(tenantId, userId)(each) && (each.frozenUntil === undefined || each.frozenUntil <= since),
        { frozenUntil: until },
      );
      if (frozen === 0) return false;
      accountChanges.update((each) => ofUser(tenantId, userId)(each) && each.expiresAt > now, {
        expiresAt: until,
      });
      return true;
    },
    async thaw(tenantId, userId, now) {
      users.update(
        (each) => isUser(tenantId, userId)(each) && each.frozenUntil !== undefined && each.frozenUntil > now,
        { frozenUntil: now },
      );
    },
    async forget(tenantId, userId, kind) {
      accountChanges.delete(
        (each) => ofUser(tenantId, userId)(each) && (kind === undefined || each.former.kind === kind),
      );
    },
  };
}

export function createFactorResets({ factorResets }: Tables): FactorResetRepository {
  const ofUser = (tenantId: string, userId: string) => (each: FactorReset) =>
    each.tenantId === tenantId && each.userId === userId;
  const find = (tenantId: string, userId: string, now: Date) =>
    factorResets.find((each) => ofUser(tenantId, userId)(each) && each.expiresAt > now);
  return {
    async request(reset) {
      const { tenantId, userId, requestedAt } = reset;
      factorResets.delete((each) => ofUser(tenantId, userId)(each) && each.expiresAt <= requestedAt);
      factorResets.insert(reset);
      return find(tenantId, userId, requestedAt) ?? reset;
    },
    find: async (tenantId, userId, now) => find(tenantId, userId, now),
    take: async ({ tenantId, userId, requestedAt }, now) =>
      factorResets.delete(
        (each) =>
          ofUser(tenantId, userId)(each) &&
          each.requestedAt.getTime() === requestedAt.getTime() &&
          each.readyAt <= now,
      ) === 1,
    end: async (tenantId, userId, now) =>
      factorResets.delete((each) => ofUser(tenantId, userId)(each) && each.expiresAt > now) === 1,
  };
}
