import type { OutboxRepository, OutboxRow } from '../../../src/domain/message.ts';
import type { SmsUsageRepository } from '../../../src/domain/sms-usage.ts';
import { byId } from './table.ts';
import type { OutboxTableRow, Tables } from './tables.ts';

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
