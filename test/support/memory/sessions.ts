import { demandsSecondFactor } from '../../../src/domain/authenticator.ts';
import { type ChallengeRepository, reportPurposes } from '../../../src/domain/challenge.ts';
import type { LoginRequestRepository } from '../../../src/domain/login-request.ts';
import { DuplicateError } from '../../../src/domain/repositories.ts';
import type { SessionRepository } from '../../../src/domain/session.ts';
import type { TrustedDevice, TrustedDeviceRepository } from '../../../src/domain/trusted-device.ts';
import { latestOf, viewOf } from './accounts.ts';
import { enrolledOf } from './authenticators.ts';
import type { ChallengeRow, Tables } from './tables.ts';

export function createChallenges({ challenges }: Tables): ChallengeRepository {
  const isLive = (now: Date) => (each: ChallengeRow) => each.consumedAt === undefined && each.expiresAt > now;
  const is = (tenantId: string, id: string) => (each: ChallengeRow) =>
    each.tenantId === tenantId && each.id === id;
  const toChallenge = ({ attempts: _, consumedAt: __, ...challenge }: ChallengeRow) => challenge;
  const find = (matches: (each: ChallengeRow) => boolean) => {
    const row = challenges.find(matches);
    return row && toChallenge(row);
  };
  return {
    async put(challenge) {
      const { tenantId, purpose, slot } = challenge;
      challenges.delete(
        (each) => each.tenantId === tenantId && each.purpose === purpose && each.slot === slot,
      );
      challenges.insert({ ...challenge, attempts: 0, consumedAt: undefined });
    },
    async putInFreeSlot(challenge, max, now) {
      const { tenantId, purpose, slot } = challenge;
      const inSlot = (each: ChallengeRow) =>
        each.tenantId === tenantId && each.purpose === purpose && each.slot === slot;
      challenges.delete((each) => inSlot(each) && (!isLive(now)(each) || each.attempts >= max));
      if (challenges.find(inSlot) !== undefined) throw new DuplicateError();
      challenges.insert({ ...challenge, attempts: 0, consumedAt: undefined });
    },
    async replace(replacedId, challenge) {
      if (challenges.delete(is(challenge.tenantId, replacedId)) === 0) return false;
      return challenges.insert({ ...challenge, attempts: 0, consumedAt: undefined });
    },
    listInSlots: async (tenantId, purpose, slots, max, now) =>
      challenges
        .all(
          (each) =>
            each.tenantId === tenantId &&
            each.purpose === purpose &&
            slots.includes(each.slot) &&
            each.attempts < max &&
            isLive(now)(each),
        )
        .map(toChallenge)
        .sort((a, b) => (a.id < b.id ? 1 : -1)),
    findById: async (tenantId, id, purpose, now) =>
      find((each) => is(tenantId, id)(each) && each.purpose === purpose && isLive(now)(each)),
    findInSlot: async (tenantId, purpose, slot, now) =>
      find(
        (each) =>
          each.tenantId === tenantId && each.purpose === purpose && each.slot === slot && isLive(now)(each),
      ),
    countAttempt: async (tenantId, id, max) =>
      challenges.update(
        (each) => is(tenantId, id)(each) && each.attempts < max,
        ({ attempts }) => ({
          attempts: attempts + 1,
        }),
      ) === 1,
    listLive: async (tenantId, userId, purpose, now) =>
      challenges
        .all(
          (each) =>
            each.tenantId === tenantId &&
            each.userId === userId &&
            each.purpose === purpose &&
            isLive(now)(each),
        )
        .map(toChallenge)
        .sort((a, b) => (a.id < b.id ? 1 : -1)),
    findUnexpired: async (tenantId, purpose, { id, digest }, now) =>
      challenges
        .all(
          (each) =>
            each.tenantId === tenantId &&
            each.purpose === purpose &&
            each.expiresAt > now &&
            each.digest.equals(digest) &&
            (id === undefined || each.id === id),
        )
        .map((row) => ({ ...toChallenge(row), isRedeemed: row.consumedAt !== undefined })),
    async invalidateAll(tenantId, userId) {
      challenges.delete(
        (each) =>
          each.tenantId === tenantId &&
          each.userId === userId &&
          each.consumedAt === undefined &&
          !(reportPurposes as readonly string[]).includes(each.purpose),
      );
    },
    listPending: async (tenantId, userId, purposes) =>
      challenges
        .all(
          (each) =>
            each.tenantId === tenantId &&
            each.userId === userId &&
            each.consumedAt === undefined &&
            purposes.includes(each.purpose),
        )
        .map(toChallenge),
    consume: async (tenantId, id, now) =>
      challenges.update((each) => is(tenantId, id)(each) && isLive(now)(each), { consumedAt: now }) === 1,
  };
}

export function createSessions(tables: Tables): SessionRepository {
  const { sessions, users } = tables;
  type Row = NonNullable<ReturnType<typeof sessions.find>>;
  const is = (tenantId: string, id: string) => (each: Row) => each.tenantId === tenantId && each.id === id;
  function revokeAll(matches: (each: Row) => boolean, now: Date): string[] {
    const ids = sessions.all(matches).map(({ id }) => id);
    sessions.update(matches, { revokedAt: now });
    return ids;
  }
  const ofUser = (tenantId: string, userId: string) => (each: Row) =>
    each.tenantId === tenantId && each.userId === userId;
  const isLive = (now: Date) => (each: Row) =>
    each.revokedAt === undefined && each.expiresAt > now && each.idleExpiresAt > now;
  const toSession = ({ revokedAt: _, ...session }: Row) => session;
  /** A live session of an active user with a confirmed identifier, at the level that the user has by now. */
  function usable(tenantId: string, id: string, now: Date) {
    const row = sessions.find((each) => is(tenantId, id)(each) && isLive(now)(each));
    const view = row && viewOf(tables, tenantId, row.userId);
    if (row === undefined || view?.user.status !== 'active') return undefined;
    if (view.email?.confirmedAt === undefined && view.mobile?.confirmedAt === undefined) return undefined;
    const enrolled = enrolledOf(tables, tenantId, row.userId);
    if (row.level === 'acting') return { session: toSession(row), kinds: enrolled.kinds, view };
    if (demandsSecondFactor(enrolled, false) && !row.amr.includes('mfa') && row.deviceId === undefined)
      return undefined;
    return { session: toSession(row), view, kinds: enrolled.kinds };
  }
  return {
    async insert(session) {
      const owner = users.find(({ tenantId, id }) => tenantId === session.tenantId && id === session.userId);
      if (owner?.status !== 'active') return false;
      sessions.insert({ ...session, revokedAt: undefined });
      return true;
    },
    async findLive(tenantId, id, now) {
      const found = usable(tenantId, id, now);
      return found && { ...found.session, kinds: found.kinds, roles: found.view.user.roles };
    },
    async findOfCall(tenantId, id, now) {
      const found = usable(tenantId, id, now);
      if (found === undefined) return undefined;
      const { userId, level, amr, authTime, deviceId } = found.session;
      return { id, userId, level, amr, authTime, deviceId, holder: found.view };
    },
    hold: async (tenantId, id, now) => {
      const session = sessions.find((each) => is(tenantId, id)(each) && isLive(now)(each));
      return users.find((each) => each.id === session?.userId)?.status === 'active';
    },
    listLive: async (tenantId, userId, now) =>
      sessions
        .all((each) => ofUser(tenantId, userId)(each) && isLive(now)(each))
        .map(toSession)
        .sort((a, b) => (a.id < b.id ? 1 : -1)),
    async findEnded(tenantId, id) {
      const row = sessions.find(is(tenantId, id));
      if (row === undefined) return undefined;
      const { userId, createdAt, revokedAt, idleExpiresAt, expiresAt } = row;
      return { id, userId, createdAt, revokedAt, idleExpiresAt, expiresAt };
    },
    filterLive: async (wanted, now) =>
      sessions
        .all((each) => wanted.some(({ tenantId, id }) => is(tenantId, id)(each)) && isLive(now)(each))
        .filter(({ userId }) => users.find(({ id }) => id === userId)?.status === 'active')
        .filter(({ tenantId }) => tables.tenants.find(({ id }) => id === tenantId)?.status === 'active')
        .map(({ id }) => id),
    rotate: async ({ tenantId, id, refreshCounter }, next) =>
      sessions.update(
        (each) =>
          is(tenantId, id)(each) && each.refreshCounter === refreshCounter && each.revokedAt === undefined,
        ({ client }) => ({
          ...next,
          client: { ...client, address: next.client.address },
          refreshCounter: refreshCounter + 1,
        }),
      ) === 1,
    isKeyOf: async (tenantId, { kind, canonical }, jkt) => {
      const held = tables.identifiers.find(
        (each) => each.tenantId === tenantId && each.kind === kind && each.canonical === canonical,
      );
      return (
        held?.confirmedAt !== undefined &&
        latestOf(tables, tenantId, held.userId).some((each) => each.binding?.jkt === jkt)
      );
    },
    async forgetDevices(tenantId, userId) {
      sessions.update(ofUser(tenantId, userId), { device: '-', binding: undefined });
    },
    async revokeOfDevice(tenantId, userId, deviceId, now) {
      return revokeAll(
        (each) => ofUser(tenantId, userId)(each) && each.deviceId === deviceId && isLive(now)(each),
        now,
      );
    },
    async addSecondFactor(tenantId, id, method, now, level = 'signed-in') {
      sessions.update(is(tenantId, id), ({ amr }) => ({
        level,
        amr: [...new Set([...amr, method, 'mfa' as const])],
        authTime: now,
      }));
    },
    async updateAuthTime(tenantId, id, authTime) {
      sessions.update(is(tenantId, id), { authTime });
    },
    revoke: async (tenantId, userId, id, now) =>
      sessions.update((each) => is(tenantId, id)(each) && each.userId === userId && isLive(now)(each), {
        revokedAt: now,
      }) === 1,
    revokeOthers: async (tenantId, userId, keptId, now) =>
      sessions.update((each) => ofUser(tenantId, userId)(each) && isLive(now)(each) && each.id !== keptId, {
        revokedAt: now,
      }),
    async revokeBeyond(tenantId, userId, kept, now) {
      const own = ofUser(tenantId, userId);
      const live = sessions.all((each) => own(each) && isLive(now)(each) && each.level !== 'acting');
      const beyond = new Set(live.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(kept));
      if (beyond.size > 0) return revokeAll((each) => beyond.has(each), now);
      sessions.update(
        (each) => own(each) && each.revokedAt === undefined && each.idleExpiresAt <= now,
        ({ idleExpiresAt }) => ({ revokedAt: idleExpiresAt }),
      );
      return [];
    },
  };
}

export function createLoginRequestRows({ loginRequests }: Tables): LoginRequestRepository {
  type Row = NonNullable<ReturnType<typeof loginRequests.find>>;
  const toRequest = ({ consumedAt: _, ...request }: Row) => request;
  const find = (matches: (each: Row) => boolean) => {
    const row = loginRequests.find(matches);
    return row && toRequest(row);
  };
  const is = (tenantId: string, id: string, digest: Buffer) => (each: Row) =>
    each.tenantId === tenantId && each.id === id && each.digest.equals(digest);
  const isLive = (now: Date) => (each: Row) => each.consumedAt === undefined && each.expiresAt > now;
  return {
    async insert(request) {
      loginRequests.insert({ ...request, consumedAt: undefined });
    },
    findLive: async (tenantId, id, digest, now) =>
      find((each) => is(tenantId, id, digest)(each) && isLive(now)(each)),
    find: async (tenantId, id, digest) => find(is(tenantId, id, digest)),
    consume: async (tenantId, id, now) =>
      loginRequests.update((each) => each.tenantId === tenantId && each.id === id && isLive(now)(each), {
        consumedAt: now,
      }) === 1,
  };
}

export function createTrustedDevices({ trustedDevices }: Tables): TrustedDeviceRepository {
  const ofUser = (tenantId: string, userId: string) => (each: TrustedDevice) =>
    each.tenantId === tenantId && each.userId === userId;
  return {
    async put(device) {
      const { tenantId, userId, jkt } = device;
      const isIt = (each: TrustedDevice) => ofUser(tenantId, userId)(each) && each.jkt === jkt;
      const id = trustedDevices.find(isIt)?.id ?? device.id;
      trustedDevices.delete(isIt);
      trustedDevices.insert({ ...device, id });
    },
    async use(tenantId, userId, jkt, since, now) {
      const isIt = (each: TrustedDevice) =>
        ofUser(tenantId, userId)(each) && each.jkt === jkt && each.expiresAt > now && each.createdAt > since;
      trustedDevices.update(isIt, { lastUsedAt: now });
      return trustedDevices.find(isIt);
    },
    list: async (tenantId, userId, now) =>
      trustedDevices
        .all((each) => ofUser(tenantId, userId)(each) && each.expiresAt > now)
        .sort((a, b) => (a.id < b.id ? 1 : -1)),
    remove: async (tenantId, userId, id) =>
      trustedDevices.delete((each) => ofUser(tenantId, userId)(each) && each.id === id) === 1,
    async removeAll(tenantId, userId) {
      trustedDevices.delete(ofUser(tenantId, userId));
    },
  };
}
