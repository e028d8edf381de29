import type { Connection, ConnectionRepository } from '../../../src/domain/connection.ts';
import { latestSessions, type OriginHistory, type SignInOrigin } from '../../../src/domain/device.ts';
import type { IdentityRepository } from '../../../src/domain/external-identity.ts';
import type { HeldIdentifier, Identifier } from '../../../src/domain/identifier.ts';
import { emptyProfile, type Profile } from '../../../src/domain/profile.ts';
import { DuplicateError } from '../../../src/domain/repositories.ts';
import { maxSessions } from '../../../src/domain/session.ts';
import type { TermsRepository } from '../../../src/domain/terms.ts';
import type { User, UserRepository, UserView } from '../../../src/domain/user.ts';
import { enrolledOf } from './authenticators.ts';
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

/** The latest sessions of a user, live or not. */
export function latestOf({ sessions }: Tables, tenantId: string, userId: string) {
  const own = sessions.all((each) => each.tenantId === tenantId && each.userId === userId);
  const timeOf = ({ revokedAt, expiresAt }: (typeof own)[number]) => (revokedAt ?? expiresAt).getTime();
  const newest = own.sort((a, b) => timeOf(b) - timeOf(a));
  return [
    ...newest.filter((each) => each.revokedAt === undefined).slice(0, latestSessions.open),
    ...newest.filter((each) => each.revokedAt !== undefined).slice(0, latestSessions.ended),
  ];
}

export function createUsers(tables: Tables): UserRepository {
  const { users, identifiers, credentials, attempts } = tables;
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
  const toldBy = (
    rows: ReturnType<typeof latestOf>,
    { device, jkt, address }: SignInOrigin,
  ): OriginHistory => ({
    hasSessions: rows.length > 0,
    hasDevices: rows.some((each) => each.device !== ''),
    isKnownDevice: rows.some((each) => each.device === device || each.binding?.jkt === jkt),
    isKnownAddress: address !== '' && rows.some((each) => each.client.address === address),
  });
  const accountOf = (tenantId: string, userId: string, origin: SignInOrigin, now: Date) => {
    const view = viewOf(tables, tenantId, userId);
    if (view === undefined) return undefined;
    const unexpired = tables.sessions.all(
      (each) =>
        each.tenantId === tenantId &&
        each.userId === userId &&
        each.revokedAt === undefined &&
        each.level !== 'acting' &&
        each.expiresAt > now,
    );
    const history = toldBy(unexpired, origin);
    const live = unexpired.filter((each) => each.idleExpiresAt > now);
    const isAll = live.length === unexpired.length && live.length === maxSessions;
    const [oldestSession] = isAll ? live.map(({ id }) => id).sort() : [];
    const enrolled = enrolledOf(tables, tenantId, userId);
    return { ...view, enrolled, liveSessions: unexpired.length, oldestSession, history };
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
      const held = heldBy(tenantId, identifier);
      const account = held && accountOf(tenantId, held.userId, origin, now);
      if (held === undefined || account === undefined) return undefined;
      const { tenantId: _, ...own } = held;
      const total = attempts.find(
        (each) =>
          each.tenantId === tenantId && each.kind === 'password-total' && each.subject === held.userId,
      );
      const passwordHash = hashOf(tenantId, held.userId);
      return {
        ...account,
        identifier: own,
        passwordHash,
        totalFailures: total?.failures ?? 0,
      };
    },
    findById: async (tenantId, userId) => viewOf(tables, tenantId, userId),
    findForSession: async (tenantId, userId, origin, now) => accountOf(tenantId, userId, origin, now),
    findHistory: async (tenantId, userId, origin) => toldBy(latestOf(tables, tenantId, userId), origin),
    async insert(user, identifier, passwordHash) {
      if (!users.insert({ ...user, confirmedAt: undefined, frozenUntil: undefined, passkeyOnly: false }))
        throw new DuplicateError();
      if (identifier !== undefined) addIdentifier(tables, user.tenantId, identifier);
      if (passwordHash !== undefined) await setHash(user.tenantId, user.id, passwordHash);
    },
    addIdentifier: async (tenantId, identifier) => addIdentifier(tables, tenantId, identifier),
    lock: async (tenantId, userId) => users.find(is(tenantId, userId)) !== undefined,
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

export function createIdentities({ identities, consents, federatedSessions }: Tables): IdentityRepository {
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
    remove: async (tenantId, userId, provider) =>
      identities.delete(
        (each) =>
          each.tenantId === tenantId &&
          each.userId === userId &&
          (provider === undefined || each.provider === provider),
      ),
    async noteSession(session) {
      federatedSessions.insert(session);
    },
    listSessions: async (tenantId, provider, { subjectDigest, sidDigest }) =>
      federatedSessions.all(
        (each) =>
          each.tenantId === tenantId &&
          each.provider === provider &&
          (subjectDigest === undefined || each.subjectDigest.equals(subjectDigest)) &&
          (sidDigest === undefined || each.sidDigest?.equals(sidDigest) === true),
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
    withdrawConsent: async (tenantId, userId, consentedTenantId) =>
      consents.delete(
        (each) =>
          each.tenantId === tenantId &&
          each.userId === userId &&
          each.consentedTenantId === consentedTenantId,
      ) === 1,
  };
}

export function createConnections({ connections, connectionSecrets: secrets }: Tables): ConnectionRepository {
  type Named = { readonly tenantId: string; readonly name: string };
  const is = (tenantId: string, name: string) => (each: Named) =>
    each.tenantId === tenantId && each.name === name;
  const complete = (row: Omit<Connection, 'hasSecret'>): Connection => ({
    ...row,
    hasSecret: secrets.find(is(row.tenantId, row.name)) !== undefined,
  });
  return {
    list: async (tenantId) =>
      connections
        .all((each) => each.tenantId === tenantId)
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(complete),
    async find(tenantId, name) {
      const row = connections.find(is(tenantId, name));
      return row && complete(row);
    },
    findSecret: async (tenantId, name) => secrets.find(is(tenantId, name))?.secret,
    async save(connection) {
      const { tenantId, name, settings, updatedAt } = connection;
      if (!connections.insert(connection)) connections.update(is(tenantId, name), { settings, updatedAt });
    },
    async setSecret(tenantId, name, secret) {
      secrets.delete(is(tenantId, name));
      if (secret !== '' && connections.find(is(tenantId, name)) !== undefined)
        secrets.insert({ tenantId, name, secret });
    },
    async delete(tenantId, name) {
      secrets.delete(is(tenantId, name));
      return connections.delete(is(tenantId, name)) === 1;
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
