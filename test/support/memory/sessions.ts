import type { AttemptCounter, AttemptRepository } from '../../../src/domain/attempt.ts';
import { demandsSecondFactor } from '../../../src/domain/authenticator.ts';
import type { BudgetRepository } from '../../../src/domain/budget.ts';
import { type ChallengeRepository, reportPurposes } from '../../../src/domain/challenge.ts';
import type { ProofRepository } from '../../../src/domain/dpop.ts';
import type { IdempotencyRepository } from '../../../src/domain/idempotency.ts';
import type { LoginRequestRepository } from '../../../src/domain/login-request.ts';
import { DuplicateError } from '../../../src/domain/repositories.ts';
import type { SessionRepository } from '../../../src/domain/session.ts';
import type { TrustedDevice, TrustedDeviceRepository } from '../../../src/domain/trusted-device.ts';
import { enrolledOf, viewOf } from './accounts.ts';
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
    consume: async (tenantId, id, now) =>
      challenges.update((each) => is(tenantId, id)(each) && isLive(now)(each), { consumedAt: now }) === 1,
  };
}

export function createSessions(tables: Tables): SessionRepository {
  const { sessions, users } = tables;
  type Row = NonNullable<ReturnType<typeof sessions.find>>;
  const is = (tenantId: string, id: string) => (each: Row) => each.tenantId === tenantId && each.id === id;
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
    if (demandsSecondFactor(enrolled, false) && !row.amr.includes('mfa') && row.deviceId === undefined)
      return undefined;
    return { session: toSession(row), view, kinds: enrolled.kinds };
  }
  return {
    async insert(session) {
      if (
        users.find(({ tenantId, id }) => tenantId === session.tenantId && id === session.userId) === undefined
      )
        throw new Error('the user of the session does not exist');
      sessions.insert({ ...session, revokedAt: undefined });
    },
    async findLive(tenantId, id, now) {
      const found = usable(tenantId, id, now);
      return found && { ...found.session, kinds: found.kinds };
    },
    async findOfCall(tenantId, id, now) {
      const found = usable(tenantId, id, now);
      if (found === undefined) return undefined;
      const { userId, level, amr, authTime, deviceId } = found.session;
      return { id, userId, level, amr, authTime, deviceId, holder: found.view };
    },
    listLive: async (tenantId, userId, now) =>
      sessions
        .all((each) => ofUser(tenantId, userId)(each) && isLive(now)(each))
        .map(toSession)
        .sort((a, b) => (a.id < b.id ? 1 : -1)),
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
        sessions.find((each) => ofUser(tenantId, held.userId)(each) && each.binding?.jkt === jkt) !==
          undefined
      );
    },
    async forgetDevices(tenantId, userId) {
      sessions.update(ofUser(tenantId, userId), { device: '-', binding: undefined });
    },
    async revokeOfDevice(tenantId, userId, deviceId, now) {
      sessions.update(
        (each) => ofUser(tenantId, userId)(each) && each.deviceId === deviceId && isLive(now)(each),
        { revokedAt: now },
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
      const live = sessions.all((each) => ofUser(tenantId, userId)(each) && isLive(now)(each));
      const oldestKept = live.sort((a, b) => (a.id < b.id ? 1 : -1))[kept - 1];
      if (oldestKept === undefined) return;
      sessions.update(
        (each) => ofUser(tenantId, userId)(each) && isLive(now)(each) && each.id < oldestKept.id,
        { revokedAt: now },
      );
    },
  };
}

export function createAttempts({ attempts, credentials }: Tables): AttemptRepository {
  const is =
    (tenantId: string, { kind, subject }: AttemptCounter) =>
    (each: AttemptCounter & { tenantId: string }) =>
      each.tenantId === tenantId && each.kind === kind && each.subject === subject;
  const add = (tenantId: string, counter: AttemptCounter, now: Date) =>
    attempts.insert({
      tenantId,
      ...counter,
      failures: 1,
      wrong: 0,
      nextAttemptAt: undefined,
      attemptedAt: now,
    });
  const clear = { failures: 0, wrong: 0, nextAttemptAt: undefined };
  return {
    async count(tenantId, { kind, free, firstDelayS, maxDelayS, cap }, subject, now, total) {
      if (total !== undefined && !add(tenantId, total, now))
        attempts.update(is(tenantId, total), ({ failures }) => ({
          failures: failures + 1,
          attemptedAt: now,
        }));
      if (add(tenantId, { kind, subject }, now)) return 1;
      const row = attempts.find(is(tenantId, { kind, subject }));
      if (row === undefined) throw new Error('the counter is gone');
      const mayTry = row.failures < cap && (row.nextAttemptAt === undefined || row.nextAttemptAt <= now);
      if (!mayTry) return row.failures > row.wrong ? 'busy' : 'locked';
      const failures = row.failures + 1;
      const delayS = Math.min(maxDelayS, firstDelayS * 2 ** (failures - free));
      const nextAttemptAt = failures < free ? undefined : new Date(now.getTime() + delayS * 1000);
      attempts.update(is(tenantId, { kind, subject }), { failures, nextAttemptAt, attemptedAt: now });
      return failures;
    },
    failures: async (tenantId, counter) => attempts.find(is(tenantId, counter))?.failures ?? 0,
    async countWrong(tenantId, counter) {
      attempts.update(is(tenantId, counter), ({ failures, wrong }) => ({
        wrong: Math.min(failures, wrong + 1),
      }));
    },
    async reset(tenantId, ...counters) {
      for (const counter of counters) attempts.update(is(tenantId, counter), clear);
    },
    async resetForPassword(tenantId, counters, userId, passwordHash) {
      const known = credentials.find((each) => each.tenantId === tenantId && each.userId === userId);
      if (known?.passwordHash !== passwordHash) return false;
      return counters
        .map((counter) => attempts.update(is(tenantId, counter), clear))
        .some((rows) => rows > 0);
    },
    async lower(tenantId, kind, subject, failures) {
      attempts.update((each) => is(tenantId, { kind, subject })(each) && each.failures > failures, {
        failures,
        wrong: failures,
      });
    },
    async uncount(tenantId, counter) {
      attempts.update(
        (each) => is(tenantId, counter)(each) && each.failures > 0,
        ({ failures, wrong }) => ({
          failures: failures - 1,
          wrong: Math.min(wrong, failures - 1),
          nextAttemptAt: undefined,
        }),
      );
    },
    async forget(tenantId, subject) {
      attempts.delete((each) => each.tenantId === tenantId && each.subject === subject);
    },
  };
}

export function createBudgets({ budgets }: Tables): BudgetRepository {
  return {
    async charge(tenantId, { name, max, windowMs }, subject, now, amount = 1) {
      if (amount > max) return windowMs;
      const is = (each: { tenantId: string; name: string; subject: Buffer }) =>
        each.tenantId === tenantId && each.name === name && each.subject.equals(subject);
      budgets.insert({ tenantId, name, subject, uses: [] });
      const uses = (budgets.find(is)?.uses ?? []).filter((use) => now.getTime() - use.getTime() < windowMs);
      const [oldest] = uses.slice(uses.length + amount - max - 1);
      if (uses.length + amount > max)
        return Math.max(1, windowMs - (now.getTime() - (oldest ?? now).getTime()));
      budgets.update(is, { uses: [...uses, ...Array.from({ length: amount }, () => now)] });
      return 0;
    },
    async refund({ tenantId, name, subject, amount }) {
      budgets.update(
        (each) => each.tenantId === tenantId && each.name === name && each.subject.equals(subject),
        ({ uses }) => ({ uses: uses.slice(0, Math.max(0, uses.length - amount)) }),
      );
    },
  };
}

export function createIdempotencyClaims({ idempotency }: Tables): IdempotencyRepository {
  const is = (tenantId: string, digest: Buffer) => (each: { tenantId: string; digest: Buffer }) =>
    each.tenantId === tenantId && each.digest.equals(digest);
  return {
    async claim(claim, now) {
      if (idempotency.insert({ ...claim, answer: undefined })) return true;
      return (
        idempotency.update(
          (each) =>
            is(claim.tenantId, claim.digest)(each) &&
            (each.expiresAt <= now || (each.answer === undefined && each.leaseUntil <= now)),
          { ...claim, answer: undefined },
        ) === 1
      );
    },
    find: async (tenantId, digest) => idempotency.find(is(tenantId, digest)),
    complete: async ({ tenantId, digest, leaseUntil }, answer) =>
      idempotency.update(
        (each) => is(tenantId, digest)(each) && each.leaseUntil.getTime() === leaseUntil.getTime(),
        { answer },
      ) === 1,
    async release({ tenantId, digest, leaseUntil }) {
      idempotency.delete(
        (each) =>
          is(tenantId, digest)(each) &&
          each.leaseUntil.getTime() === leaseUntil.getTime() &&
          each.answer === undefined,
      );
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

export function createProofs({ proofs }: Tables): ProofRepository {
  return {
    spend: async (tenantId, { id, expiresAt }) => proofs.insert({ tenantId, id, expiresAt }),
  };
}
