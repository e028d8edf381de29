import { and, asc, count, desc, eq, gt, inArray, isNotNull, lte, or } from 'drizzle-orm';
import type { ClaimedMessage, OutboxRepository, OutboxRow, Payload } from '../domain/message.ts';
import type { Vault } from '../domain/vault.ts';
import type { Database } from './database.ts';
import { outbox } from './tables/messages.ts';

/** The payload is sealed, because a queue of links in clear would undo hashed tokens (R62). */
const purpose = 'outbox';

const rowColumns = {
  id: outbox.id,
  tenantId: outbox.tenantId,
  channel: outbox.channel,
  status: outbox.status,
  attempts: outbox.attempts,
  error: outbox.error,
  createdAt: outbox.createdAt,
  expiresAt: outbox.expiresAt,
  nextAttemptAt: outbox.nextAttemptAt,
  endedAt: outbox.endedAt,
};

type RowOfColumns = Pick<typeof outbox.$inferSelect, keyof typeof rowColumns>;

function toRow({ status, endedAt, ...row }: RowOfColumns): OutboxRow {
  return { ...row, status: status === 'decoy' ? 'dropped' : status, endedAt: endedAt ?? undefined };
}

export function createOutboxRepository(db: Database, vault: Vault): OutboxRepository {
  const open = (id: string, payload: Buffer) =>
    JSON.parse(vault.open(purpose, id, payload).toString()) as Payload;
  /** Keyed digest of the recipient: searchable, not reversible. */
  const recipientOf = (tenantId: string, to: string) =>
    vault.mac('outbox-recipient', Buffer.from(`${tenantId} ${to.toLowerCase()}`));
  const tryOpen = (id: string, payload: Buffer | null) => {
    try {
      return payload === null ? undefined : open(id, payload);
    } catch {
      return undefined;
    }
  };
  const notDecoy = inArray(outbox.status, ['queued', 'sent', 'dead', 'dropped']);

  return {
    async add({ message, ...entry }) {
      const payload = vault.seal(purpose, entry.id, Buffer.from(JSON.stringify(message)));
      const { channel, to } = message;
      const recipient = recipientOf(entry.tenantId, to);
      await db
        .insert(outbox)
        .values({ ...entry, channel, recipient, status: 'queued', payload, nextAttemptAt: entry.createdAt });
    },

    async addDecoy(entry) {
      await db.insert(outbox).values({
        ...entry,
        channel: 'email',
        status: 'decoy',
        payload: null,
        recipient: recipientOf(entry.tenantId, ''),
        nextAttemptAt: entry.createdAt,
      });
    },

    async deleteTo(tenantId, recipient) {
      const [result] = await db
        .delete(outbox)
        .where(and(eq(outbox.tenantId, tenantId), eq(outbox.recipient, recipientOf(tenantId, recipient))));
      return result.affectedRows;
    },

    async listPending(limit) {
      const rows = await db
        .select()
        .from(outbox)
        .where(
          and(
            inArray(outbox.status, ['queued', 'dead']),
            inArray(outbox.channel, ['email', 'sms']),
            isNotNull(outbox.payload),
          ),
        )
        .orderBy(desc(outbox.id))
        .limit(limit);
      return rows.flatMap(({ id, tenantId, payload, createdAt, expiresAt }) => {
        const message = tryOpen(id, payload);
        return message === undefined || message.channel === 'http'
          ? []
          : [{ id, tenantId, message, createdAt, expiresAt }];
      });
    },

    async claim(channel, limit, now, leaseUntil) {
      const rows = await db
        .select()
        .from(outbox)
        .where(and(eq(outbox.status, 'queued'), eq(outbox.channel, channel), lte(outbox.nextAttemptAt, now)))
        .orderBy(asc(outbox.nextAttemptAt))
        .limit(limit)
        .for('update', { skipLocked: true });
      const claimed: ClaimedMessage[] = [];
      for (const row of rows) {
        const { id, tenantId, payload, attempts, createdAt, expiresAt } = row;
        const [claims, charged] = [row.claims + 1, row.charged === 1];
        const message = tryOpen(id, payload);
        const change =
          message === undefined
            ? // One message that cannot be read must not hold up all others.
              { status: 'dead' as const, error: 'PAYLOAD_UNREADABLE', endedAt: now }
            : { claims, nextAttemptAt: leaseUntil };
        await db.update(outbox).set(change).where(eq(outbox.id, id));
        const entry = { id, tenantId, createdAt, expiresAt };
        if (message !== undefined) claimed.push({ ...entry, message, claims, leaseUntil, attempts, charged });
      }
      return claimed;
    },

    async recordOutcome({ id, claims, leaseUntil }, { status, error, at, attempts, charged }) {
      const isOurs = and(
        eq(outbox.id, id),
        eq(outbox.claims, claims),
        eq(outbox.nextAttemptAt, leaseUntil),
        eq(outbox.status, 'queued'),
      );
      const change =
        status === 'queued'
          ? { nextAttemptAt: at }
          : { status, endedAt: at, ...(status === 'dead' ? {} : { payload: null }) };
      const [result] = await db
        .update(outbox)
        .set({ ...change, error, attempts, charged: charged ? 1 : 0 })
        .where(isOurs);
      return result.affectedRows === 1;
    },

    async wipeExpired(now, limit) {
      const [result] = await db
        .update(outbox)
        // Why it was given up stays on record.
        .set({ status: 'dropped', payload: null })
        .where(and(eq(outbox.status, 'dead'), lte(outbox.expiresAt, now)))
        .limit(limit);
      return result.affectedRows;
    },

    async list({ tenantId, status, afterId }, limit) {
      const rows = await db
        .select(rowColumns)
        .from(outbox)
        .where(
          and(
            tenantId === undefined ? undefined : eq(outbox.tenantId, tenantId),
            status === undefined ? notDecoy : eq(outbox.status, status),
            afterId === undefined ? undefined : gt(outbox.id, afterId),
          ),
        )
        .orderBy(asc(outbox.id))
        .limit(limit);
      return rows.map(toRow);
    },

    async find(id) {
      const [row] = await db
        .select(rowColumns)
        .from(outbox)
        .where(and(eq(outbox.id, id), notDecoy));
      return row && toRow(row);
    },

    async requeue(id, now) {
      const [result] = await db
        .update(outbox)
        .set({ status: 'queued', attempts: 0, nextAttemptAt: now, endedAt: null, error: '' })
        .where(
          and(
            eq(outbox.id, id),
            or(eq(outbox.status, 'dead'), eq(outbox.status, 'queued')),
            isNotNull(outbox.payload),
            gt(outbox.expiresAt, now),
          ),
        );
      return result.affectedRows === 1;
    },

    async drop(id, now) {
      const [result] = await db
        .update(outbox)
        .set({ status: 'dropped', payload: null, endedAt: now, error: 'DROPPED_BY_OPERATOR' })
        .where(and(eq(outbox.id, id), inArray(outbox.status, ['queued', 'dead'])));
      return result.affectedRows === 1;
    },

    async countWaiting() {
      const rows = await db
        .select({
          tenantId: outbox.tenantId,
          channel: outbox.channel,
          status: outbox.status,
          messages: count(),
        })
        .from(outbox)
        .where(inArray(outbox.status, ['queued', 'dead']))
        .groupBy(outbox.tenantId, outbox.channel, outbox.status);
      return rows.map(({ tenantId, channel, status, messages }) => ({
        tenantId,
        channel,
        messages,
        status: status === 'dead' ? 'dead' : 'queued',
      }));
    },
  };
}
