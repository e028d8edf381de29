import type { ApplicationRepository } from '../../../src/domain/application.ts';
import type { DeviceAuthorizationRepository } from '../../../src/domain/device-authorization.ts';
import type { Grant, GrantRepository } from '../../../src/domain/grant.ts';
import type { LogoutCursorRepository } from '../../../src/domain/logout.ts';
import { DuplicateError } from '../../../src/domain/repositories.ts';
import { viewOf } from './accounts.ts';
import { enrolledOf } from './authenticators.ts';
import { byId } from './table.ts';
import type { GrantRow, Tables } from './tables.ts';

export function createApplications({
  applications,
  applicationSecrets: secrets,
}: Tables): ApplicationRepository {
  const is = (tenantId: string, clientId: string) => (each: { tenantId: string; clientId: string }) =>
    each.tenantId === tenantId && each.clientId === clientId;
  const isGood = (at: Date) => (each: { readonly expiresAt: Date | undefined }) =>
    each.expiresAt === undefined || each.expiresAt > at;
  const listSecrets = (tenantId: string, clientId: string, now: Date) =>
    secrets
      .all((each) => is(tenantId, clientId)(each) && isGood(now)(each))
      .sort(byId)
      .map(({ id, digest, createdAt, expiresAt }) => ({ id, digest, createdAt, expiresAt }));
  return {
    list: async (tenantId) =>
      applications
        .all((each) => each.tenantId === tenantId)
        .sort((a, b) => (a.clientId < b.clientId ? -1 : 1)),
    find: async (tenantId, clientId) => applications.find(is(tenantId, clientId)),
    async findWithSecrets(tenantId, clientId, now) {
      const found = applications.find(is(tenantId, clientId));
      return found && { ...found, secrets: listSecrets(tenantId, clientId, now) };
    },
    async insert(application) {
      if (!applications.insert(application)) throw new DuplicateError();
    },
    async update({ tenantId, clientId, settings, updatedAt }) {
      applications.update(is(tenantId, clientId), { settings, updatedAt });
    },
    async delete(tenantId, clientId) {
      secrets.delete(is(tenantId, clientId));
      return applications.delete(is(tenantId, clientId)) === 1;
    },
    async insertSecret(tenantId, clientId, secret) {
      secrets.insert({ ...secret, tenantId, clientId });
    },
    listSecrets: async (tenantId, clientId, now) => listSecrets(tenantId, clientId, now),
    async endOldest(tenantId, clientId, oldest, at) {
      secrets.update((each) => is(tenantId, clientId)(each) && oldest.some(({ id }) => id === each.id), {
        expiresAt: at,
      });
    },
    endSecrets: async (tenantId, clientId, at) =>
      secrets.update((each) => is(tenantId, clientId)(each) && isGood(at)(each), { expiresAt: at }),
  };
}

export function createGrants(tables: Tables): GrantRepository {
  const { grants, sessions, users, applicationConsents: consents } = tables;
  const is = (tenantId: string, id: string) => (each: GrantRow) =>
    each.tenantId === tenantId && each.id === id;
  const ofUser = (tenantId: string, userId: string) => (each: { tenantId: string; userId: string }) =>
    each.tenantId === tenantId && each.userId === userId;
  const toGrant = ({ code: _, startedAt: __, endedAt: ___, toldAt: ____, ...grant }: GrantRow): Grant =>
    grant;
  const isOffline = ({ scopes }: Grant) => scopes.includes('offline_access');
  const ownerOf = ({ tenantId, userId }: Grant) =>
    users.find((each) => each.tenantId === tenantId && each.id === userId && each.status === 'active');
  const sessionOf = ({ tenantId, sessionId }: Grant) =>
    sessions.find((each) => each.tenantId === tenantId && each.id === sessionId);
  const isLive = (now: Date) => (each: GrantRow) => {
    const session = sessionOf(each);
    const isCarried =
      isOffline(each) ||
      (session !== undefined && session.revokedAt === undefined && session.expiresAt > now);
    return (
      each.startedAt !== undefined &&
      each.endedAt === undefined &&
      each.expiresAt > now &&
      each.idleExpiresAt > now &&
      isCarried
    );
  };
  return {
    async insert(grant, code) {
      if (!grants.insert({ ...grant, code, startedAt: undefined, endedAt: undefined, toldAt: undefined }))
        throw new DuplicateError();
    },
    async findByCode(tenantId, id, digest) {
      const row = grants.find((each) => is(tenantId, id)(each) && each.code?.digest.equals(digest) === true);
      return row?.code && { ...toGrant(row), code: row.code, isUsed: row.startedAt !== undefined };
    },
    async find(tenantId, id) {
      const row = grants.find(is(tenantId, id));
      return row && toGrant(row);
    },
    redeem: async ({ tenantId, id }, life, now) =>
      grants.update(
        (each) =>
          is(tenantId, id)(each) &&
          each.startedAt === undefined &&
          each.endedAt === undefined &&
          (each.code === undefined || each.code.expiresAt > now),
        { ...life, startedAt: now, refreshedAt: now },
      ) === 1,
    async findLive(tenantId, id, now) {
      const row = grants.find((each) => is(tenantId, id)(each) && isLive(now)(each));
      const holder = row && ownerOf(row) && viewOf(tables, tenantId, row.userId);
      return (
        row && holder && { ...toGrant(row), holder, kinds: enrolledOf(tables, tenantId, row.userId).kinds }
      );
    },
    rotate: async ({ tenantId, id, refreshCounter }, next) =>
      grants.update(
        (each) =>
          is(tenantId, id)(each) && each.refreshCounter === refreshCounter && each.endedAt === undefined,
        { ...next, refreshCounter: refreshCounter + 1 },
      ) === 1,
    end: async (tenantId, id, now) =>
      grants.update((each) => is(tenantId, id)(each) && each.endedAt === undefined, { endedAt: now }) === 1,
    endOfUser: async (tenantId, userId, { keptSessionId, clientId }, now) =>
      grants.update(
        (each) =>
          ofUser(tenantId, userId)(each) &&
          each.endedAt === undefined &&
          each.sessionId !== keptSessionId &&
          (clientId === undefined || each.clientId === clientId),
        { endedAt: now },
      ),
    listLive: async (tenantId, userId, now) =>
      grants
        .all((each) => ofUser(tenantId, userId)(each) && isLive(now)(each))
        .sort(byId)
        .reverse()
        .map(toGrant),
    async takeEnded(tenantId, userId, now) {
      const ended = grants.all(
        (each) =>
          ofUser(tenantId, userId)(each) &&
          each.startedAt !== undefined &&
          each.toldAt === undefined &&
          (each.endedAt !== undefined ||
            ownerOf(each) === undefined ||
            sessionOf(each)?.revokedAt !== undefined),
      );
      for (const each of ended) {
        const goesOn = isOffline(each) && ownerOf(each) !== undefined;
        grants.update(is(tenantId, each.id), {
          toldAt: now,
          endedAt: goesOn ? each.endedAt : (each.endedAt ?? now),
        });
      }
      return ended.map(toGrant);
    },
    async deleteOfUser(tenantId, userId) {
      grants.delete(ofUser(tenantId, userId));
    },
    async endOfClient(tenantId, clientId, now) {
      const isOf = (each: { tenantId: string; clientId: string }) =>
        each.tenantId === tenantId && each.clientId === clientId;
      grants.update((each) => isOf(each) && each.endedAt === undefined, { endedAt: now, toldAt: now });
      consents.delete(isOf);
    },
    listConsents: async (tenantId, userId) =>
      consents
        .all(ofUser(tenantId, userId))
        .map(({ clientId, scopes, resources, createdAt }) => ({ clientId, scopes, resources, createdAt })),
    async consent(tenantId, userId, { clientId, scopes, resources, createdAt }) {
      const isKnown = (each: { tenantId: string; userId: string; clientId: string }) =>
        ofUser(tenantId, userId)(each) && each.clientId === clientId;
      const known = consents.find(isKnown);
      const all = {
        scopes: [...new Set([...(known?.scopes ?? []), ...scopes])],
        resources: [...new Set([...(known?.resources ?? []), ...resources])],
      };
      if (known === undefined) consents.insert({ tenantId, userId, clientId, ...all, createdAt });
      else consents.update(isKnown, all);
    },
    withdraw: async (tenantId, userId, clientId) =>
      consents.delete((each) => ofUser(tenantId, userId)(each) && each.clientId === clientId) === 1,
  };
}

export function createDevices({ devices }: Tables): DeviceAuthorizationRepository {
  type Row = NonNullable<ReturnType<typeof devices.find>>;
  const is = (tenantId: string, id: string) => (each: Row) => each.tenantId === tenantId && each.id === id;
  const toDevice = ({ polledAt: _, ...device }: Row) => device;
  return {
    async insert(device) {
      if (!devices.insert({ ...device, polledAt: undefined })) throw new DuplicateError();
    },
    async findByUserCode(tenantId, userCode, now) {
      const row = devices.find(
        (each) =>
          each.tenantId === tenantId &&
          each.userCode === userCode &&
          each.status === 'pending' &&
          each.expiresAt > now,
      );
      return row && toDevice(row);
    },
    async find(tenantId, id, digest) {
      const row = devices.find((each) => is(tenantId, id)(each) && each.digest.equals(digest));
      return row && toDevice(row);
    },
    async poll({ tenantId, id, intervalS }, now) {
      const due = now.getTime() - intervalS * 1000;
      const asked = devices.update(
        (each) => is(tenantId, id)(each) && (each.polledAt === undefined || each.polledAt.getTime() <= due),
        { polledAt: now },
      );
      if (asked === 1) return true;
      devices.update(is(tenantId, id), { polledAt: now, intervalS: intervalS + 5 });
      return false;
    },
    decide: async (tenantId, id, grantId, now) =>
      devices.update((each) => is(tenantId, id)(each) && each.status === 'pending' && each.expiresAt > now, {
        status: grantId === undefined ? 'denied' : 'approved',
        grantId,
      }) === 1,
    use: async (tenantId, id, now) =>
      devices.update((each) => is(tenantId, id)(each) && each.status === 'approved' && each.expiresAt > now, {
        status: 'used',
      }) === 1,
  };
}

export function createLogoutCursors({ logoutCursors, eventLogs }: Tables): LogoutCursorRepository {
  const sizeOf = (tenantId: string) =>
    Math.max(0, ...eventLogs.all((each) => each.tenantId === tenantId).map(({ size }) => size));
  return {
    async begin(tenantId) {
      logoutCursors.insert({ tenantId, position: sizeOf(tenantId) });
    },
    listBehind: async (after, limit) =>
      logoutCursors
        .all(
          ({ tenantId, position }) =>
            (after === undefined || tenantId > after) && sizeOf(tenantId) > position,
        )
        .sort((a, b) => (a.tenantId < b.tenantId ? -1 : 1))
        .slice(0, limit)
        .map((row) => ({ ...row, size: sizeOf(row.tenantId) })),
    advance: async (tenantId, from, to) =>
      logoutCursors.update((each) => each.tenantId === tenantId && each.position === from, {
        position: to,
      }) === 1,
    async rewind(tenantId, size) {
      logoutCursors.update((each) => each.tenantId === tenantId && each.position > size, { position: size });
    },
  };
}
