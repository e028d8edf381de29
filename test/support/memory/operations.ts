import type { AdminKeyRepository } from '../../../src/domain/admin-key.ts';
import type { EventRepository } from '../../../src/domain/events.ts';
import type { LeaseRepository } from '../../../src/domain/lease.ts';
import type { OutboxRepository, OutboxRow } from '../../../src/domain/message.ts';
import { DuplicateError } from '../../../src/domain/repositories.ts';
import type { RetentionRepository } from '../../../src/domain/retention.ts';
import type { KeyRepository } from '../../../src/domain/signing-key.ts';
import type { SmsUsageRepository } from '../../../src/domain/sms-usage.ts';
import type { TenantRepository } from '../../../src/domain/tenant.ts';
import { uuidOfTime } from '../../../src/domain/token.ts';
import { byId, type Table } from './table.ts';
import type { OutboxTableRow, Tables } from './tables.ts';

export function createEvents({ events }: Tables): EventRepository {
  return {
    async add(event) {
      events.insert(event);
    },
    removePersonalPart: async (tenantId, userId) =>
      events.update((each) => each.tenantId === tenantId && each.userId === userId, {
        userId: undefined,
        sessionId: undefined,
        address: '',
      }),
    async list({ tenantId, userId, type, outcome, afterId }, limit) {
      const found = events
        .all(
          (each) =>
            each.tenantId === tenantId &&
            (userId === undefined || each.userId === userId) &&
            (type === undefined || each.type === type) &&
            (outcome === undefined || each.outcome === outcome) &&
            (afterId === undefined || each.id > afterId),
        )
        .sort(byId);
      return (afterId === undefined ? found.slice(-limit) : found.slice(0, limit)).reverse();
    },
  };
}

function toRow({
  status,
  message: _,
  recipient: __,
  claims: ___,
  charged: ____,
  ...row
}: OutboxTableRow): OutboxRow {
  return { ...row, status: status === 'decoy' ? 'dropped' : status };
}

export function createOutbox({ outbox }: Tables): OutboxRepository {
  const isWaiting = ({ status }: OutboxTableRow) => status === 'queued' || status === 'dead';
  return {
    async add({ message, ...entry }) {
      outbox.insert({
        ...entry,
        channel: message.channel,
        status: 'queued',
        message,
        recipient: message.to.toLowerCase(),
        claims: 0,
        attempts: 0,
        charged: false,
        nextAttemptAt: entry.createdAt,
        endedAt: undefined,
        error: '',
      });
    },
    async addDecoy(entry) {
      outbox.insert({
        ...entry,
        channel: 'email',
        status: 'decoy',
        message: undefined,
        recipient: '',
        claims: 0,
        attempts: 0,
        charged: false,
        nextAttemptAt: entry.createdAt,
        endedAt: undefined,
        error: '',
      });
    },
    deleteTo: async (tenantId, recipient) =>
      outbox.delete((each) => each.tenantId === tenantId && each.recipient === recipient.toLowerCase()),
    listPending: async (limit) =>
      outbox
        .all(isWaiting)
        .sort((a, b) => byId(b, a))
        .flatMap(({ id, tenantId, message, createdAt, expiresAt }) =>
          message === undefined || message.channel === 'http'
            ? []
            : [{ id, tenantId, message, createdAt, expiresAt }],
        )
        .slice(0, limit),
    async claim(channel, limit, now, leaseUntil) {
      const due = outbox
        .all((each) => each.status === 'queued' && each.channel === channel && each.nextAttemptAt <= now)
        .sort((a, b) => a.nextAttemptAt.getTime() - b.nextAttemptAt.getTime())
        .slice(0, limit);
      return due.flatMap(
        ({ id, tenantId, message, createdAt, expiresAt, attempts, charged, claims: before }) => {
          const claims = before + 1;
          outbox.update((each) => each.id === id, { claims, nextAttemptAt: leaseUntil });
          return message === undefined
            ? []
            : [{ id, tenantId, message, createdAt, expiresAt, claims, leaseUntil, attempts, charged }];
        },
      );
    },
    recordOutcome: async ({ id, claims, leaseUntil }, { status, error, at, attempts, charged }) =>
      outbox.update(
        (each) =>
          each.id === id &&
          each.claims === claims &&
          each.nextAttemptAt.getTime() === leaseUntil.getTime() &&
          each.status === 'queued',
        {
          error,
          attempts,
          charged,
          ...(status === 'queued'
            ? { nextAttemptAt: at }
            : { status, endedAt: at, ...(status === 'dead' ? {} : { message: undefined }) }),
        },
      ) === 1,
    async wipeExpired(now, limit) {
      const expired = outbox.all((each) => each.status === 'dead' && each.expiresAt <= now).slice(0, limit);
      return outbox.update((each) => expired.includes(each), { status: 'dropped', message: undefined });
    },
    list: async ({ tenantId, status, afterId }, limit) =>
      outbox
        .all(
          (each) =>
            each.status !== 'decoy' &&
            (tenantId === undefined || each.tenantId === tenantId) &&
            (status === undefined || each.status === status) &&
            (afterId === undefined || each.id > afterId),
        )
        .sort(byId)
        .slice(0, limit)
        .map(toRow),
    async find(id) {
      const row = outbox.find((each) => each.id === id && each.status !== 'decoy');
      return row && toRow(row);
    },
    requeue: async (id, now) =>
      outbox.update(
        (each) => each.id === id && isWaiting(each) && each.message !== undefined && each.expiresAt > now,
        { status: 'queued', attempts: 0, nextAttemptAt: now, endedAt: undefined, error: '' },
      ) === 1,
    drop: async (id, now) =>
      outbox.update((each) => each.id === id && isWaiting(each), {
        status: 'dropped',
        message: undefined,
        endedAt: now,
        error: 'DROPPED_BY_OPERATOR',
      }) === 1,
    async countWaiting() {
      const groups = Map.groupBy(outbox.all(isWaiting), ({ tenantId, channel, status }) =>
        JSON.stringify([tenantId, channel, status]),
      );
      return [...groups.values()].flatMap((rows) => {
        const [first] = rows;
        if (first === undefined) return [];
        const { tenantId, channel, status } = first;
        return [
          {
            tenantId,
            channel,
            status: status === 'dead' ? ('dead' as const) : 'queued',
            messages: rows.length,
          },
        ];
      });
    },
  };
}

export function createLeases({ leases }: Tables): LeaseRepository {
  return {
    take: async (name, holder, now, until) =>
      leases.insert({ name, holder, until }) ||
      leases.update((each) => each.name === name && (each.holder === holder || each.until <= now), {
        holder,
        until,
      }) === 1,
  };
}

export function createSmsUsage({ backOffs, smsCounters }: Tables): SmsUsageRepository {
  const add = async (
    tenantId: string,
    { country, hour, audience }: { country: string; hour: Date; audience: string },
    sent: number,
    confirmed: number,
  ) => {
    smsCounters.insert({ tenantId, country, hour, audience, sent: 0, confirmed: 0 });
    smsCounters.update(
      (each) =>
        each.tenantId === tenantId &&
        each.country === country &&
        each.audience === audience &&
        each.hour.getTime() === hour.getTime(),
      (row) => ({ sent: row.sent + sent, confirmed: row.confirmed + confirmed }),
    );
  };
  return {
    async backOff(tenantId, number, { firstDelayS, maxDelayS, forgetAfterS }, now) {
      const after = (delayS: number) => new Date(now.getTime() + delayS * 1000);
      if (backOffs.insert({ tenantId, number, sent: 1, nextAt: after(firstDelayS) })) return undefined;
      const is = (each: { tenantId: string; number: Buffer }) =>
        each.tenantId === tenantId && each.number.equals(number);
      const row = backOffs.find(is);
      if (row !== undefined && row.nextAt > now) return row.nextAt;
      backOffs.update(is, ({ sent: before, nextAt }) => {
        const sent = now.getTime() - nextAt.getTime() > forgetAfterS * 1000 ? 1 : before + 1;
        return { sent, nextAt: after(Math.min(maxDelayS, firstDelayS * 2 ** Math.min(sent - 1, 20))) };
      });
      return undefined;
    },
    async forgetBackOff(tenantId, number) {
      backOffs.delete((each) => each.tenantId === tenantId && each.number.equals(number));
    },
    countSent: (tenantId, period, by) => add(tenantId, period, by, 0),
    countConfirmed: (tenantId, period) => add(tenantId, period, 0, 1),
    async totals(tenantId, country, audience, since) {
      const rows = smsCounters.all(
        (each) =>
          each.tenantId === tenantId &&
          each.country === country &&
          each.audience === audience &&
          each.hour >= since,
      );
      const sum = (field: 'sent' | 'confirmed') => rows.reduce((total, row) => total + row[field], 0);
      return { sent: sum('sent'), confirmed: sum('confirmed') };
    },
  };
}

export function createTenants(tables: Tables): TenantRepository {
  const { tenants, keys, secrets } = tables;
  type KeyRow = NonNullable<ReturnType<typeof keys.find>>;
  const isLive = (now: Date) => (each: KeyRow) => each.revokedAt === undefined || each.revokedAt > now;
  const toKey = ({ digest: _, ...key }: KeyRow) => key;
  const findById = async (id: string) => tenants.find((each) => each.id === id);
  return {
    findById,
    findBySlug: async (slug) => tenants.find((each) => each.slug === slug),
    async findByKeyDigest(digest, now) {
      const row = keys.find((each) => each.digest.equals(digest) && isLive(now)(each));
      const tenant = row && (await findById(row.tenantId));
      if (row === undefined || tenant?.status !== 'active') return undefined;
      const { id, tenantId, kind, scopes } = row;
      return { tenant, key: { id, tenantId, kind, scopes } };
    },
    listOrigins: async () => [
      ...new Set(tenants.all(({ status }) => status === 'active').flatMap(({ policy }) => policy.origins)),
    ],
    list: async (afterSlug, limit) =>
      tenants
        .all(({ slug }) => slug > afterSlug)
        .sort((a, b) => (a.slug < b.slug ? -1 : 1))
        .slice(0, limit),
    findForUpdate: findById,
    async insert(tenant) {
      if (!tenants.insert(tenant)) throw new DuplicateError();
    },
    async update(tenantId, changes) {
      tenants.update((each) => each.id === tenantId, changes);
    },
    async purge(tenantId, limit) {
      const users = tables.users.delete((each) => each.tenantId === tenantId, limit);
      const { tenants: _, users: __, keys: ___, adminKeys: ____, ...rest } = tables;
      const rows = Object.values(rest).reduce(
        (sum, table) =>
          sum +
          (table as unknown as Table<{ tenantId?: string }>).delete(
            (each) => each.tenantId === tenantId,
            limit,
          ),
        0,
      );
      return { users, rows };
    },
    async delete(tenantId) {
      keys.delete((each) => each.tenantId === tenantId);
      tenants.delete((each) => each.id === tenantId);
    },
    async setSecret(tenantId, name, secret) {
      secrets.delete((each) => each.tenantId === tenantId && each.name === name);
      if (secret !== '') secrets.insert({ tenantId, name, secret });
    },
    findSecret: async (tenantId, name) =>
      secrets.find((each) => each.tenantId === tenantId && each.name === name)?.secret,
    async insertKey(key, now) {
      if (!keys.insert({ ...key, createdAt: now, revokedAt: undefined })) throw new DuplicateError();
    },
    listKeys: async (tenantId) =>
      keys
        .all((each) => each.tenantId === tenantId)
        .sort(byId)
        .map(toKey),
    endKey: async (tenantId, keyId, at) =>
      keys.update((each) => each.tenantId === tenantId && each.id === keyId && each.revokedAt === undefined, {
        revokedAt: at,
      }) === 1,
    revokeKey: async (tenantId, keyId, now) =>
      keys.update((each) => each.tenantId === tenantId && each.id === keyId && isLive(now)(each), {
        revokedAt: now,
      }) === 1,
    async revokeKeys(tenantId, now) {
      keys.update((each) => each.tenantId === tenantId && isLive(now)(each), { revokedAt: now });
    },
  };
}

export function createKeys({ dataKeys, signingKeys }: Tables): KeyRepository {
  return {
    listDataKeys: async () => dataKeys.all().sort(byId),
    resealDataKey: async (id, from, to) =>
      dataKeys.update((each) => each.id === id && each.sealed.equals(from), { sealed: to }) === 1,
    async insertDataKey(key) {
      dataKeys.insert(key);
    },
    listSigningKeys: async () => signingKeys.all().sort(byId),
    async insertSigningKey(key) {
      signingKeys.insert(key);
    },
    async deleteSigningKeys(ids) {
      signingKeys.delete(({ id }) => ids.includes(id));
    },
  };
}

export function createAdminKeys({ adminKeys }: Tables): AdminKeyRepository {
  type Row = NonNullable<ReturnType<typeof adminKeys.find>>;
  const isLive = (now: Date) => (each: Row) => each.revokedAt === undefined || each.revokedAt > now;
  const toKey = ({ digest: _, ...key }: Row) => key;
  return {
    async findLive(digest, now) {
      const row = adminKeys.find((each) => each.digest.equals(digest) && isLive(now)(each));
      return row && toKey(row);
    },
    list: async () => adminKeys.all().sort(byId).map(toKey),
    async insert(key) {
      adminKeys.insert(key);
    },
    revoke: async (id, now) =>
      adminKeys.update((each) => each.id === id && isLive(now)(each), { revokedAt: now }) === 1,
  };
}

export function createRetention(tables: Tables): RetentionRepository {
  return {
    async purge(what, tenantId, before, limit) {
      const of = <R extends { readonly tenantId: string }>(table: Table<R>, isOver: (row: R) => boolean) =>
        table.delete((row) => row.tenantId === tenantId && isOver(row), limit);
      switch (what) {
        case 'challenges':
          return of(tables.challenges, ({ expiresAt }) => expiresAt < before);
        case 'sessions':
          return of(tables.sessions, ({ expiresAt }) => expiresAt < before);
        case 'idempotency':
          return of(tables.idempotency, ({ expiresAt }) => expiresAt < before);
        case 'trustedDevices':
          return of(tables.trustedDevices, ({ expiresAt }) => expiresAt < before);
        case 'factorResets':
          return of(tables.factorResets, ({ expiresAt }) => expiresAt < before);
        case 'accountChanges':
          return of(tables.accountChanges, ({ expiresAt }) => expiresAt < before);
        case 'proofs':
          return of(tables.proofs, ({ expiresAt }) => expiresAt < before);
        case 'loginRequests':
          return of(tables.loginRequests, ({ expiresAt }) => expiresAt < before);
        case 'budgets':
          return of(tables.budgets, ({ uses }) => uses.every((use) => use < before));
        case 'attempts':
          return of(tables.attempts, ({ failures }) => failures === 0);
        case 'oldAttempts':
          return of(tables.attempts, ({ attemptedAt }) => attemptedAt < before);
        case 'smsBackoffs':
          return of(tables.backOffs, ({ nextAt }) => nextAt < before);
        case 'smsCounters':
          return of(tables.smsCounters, ({ hour }) => hour < before);
        case 'events':
          return of(tables.events, ({ id }) => id < uuidOfTime(before));
        case 'outbox':
          return of(
            tables.outbox,
            ({ id, status }) =>
              id < uuidOfTime(before) && ['sent', 'dropped', 'dead', 'decoy'].includes(status),
          );
        case 'unproved':
          return of(
            tables.users,
            ({ id, confirmedAt, origin, createdAt }) =>
              confirmedAt === undefined &&
              origin === 'self' &&
              createdAt < before &&
              tables.challenges.find(({ userId, expiresAt }) => userId === id && expiresAt > before) ===
                undefined,
          );
      }
    },
  };
}
