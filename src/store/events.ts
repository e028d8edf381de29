import { and, asc, desc, eq, getTableColumns, gt, inArray, lt, type SQL, sql } from 'drizzle-orm';
import { type EventSeal, type SealedEvent, sealEvent } from '../domain/event-log.ts';
import type { Event, EventDetails, EventRepository, EventType, SaltedEvent } from '../domain/events.ts';
import type { Vault } from '../domain/vault.ts';
import type { Database } from './database.ts';
import { bySize, once, slot, slotsOf, withIndex } from './prepared.ts';
import { events as table } from './tables/events.ts';
import { users } from './tables/users.ts';

type Row = typeof table.$inferSelect;

/** The event of a row, without its place in the log and its seal. */
export function toEvent(row: Row): Event {
  const {
    details,
    userId,
    sessionId,
    keyId,
    position: _,
    salt: __,
    commitment: ___,
    mac: ____,
    ...rest
  } = row;
  return {
    ...rest,
    details: parseDetails(details),
    userId: userId ?? undefined,
    sessionId: sessionId ?? undefined,
    keyId: keyId ?? undefined,
  };
}

/** The event of a row with what proves it. */
export function toSealed(row: Row): SealedEvent {
  const { salt, commitment, mac } = row;
  const seal: EventSeal | undefined =
    commitment === null ? undefined : { salt: salt ?? undefined, commitment, mac: mac ?? undefined };
  return { ...toEvent(row), seal };
}

/** The details of a row; one that no instance wrote may have none that can be read, and fits no MAC then. */
function parseDetails(text: string): EventDetails {
  try {
    const details: unknown = JSON.parse(text);
    return typeof details === 'object' && details !== null ? (details as EventDetails) : {};
  } catch {
    return {};
  }
}

export function createEventRepository(
  db: Database,
  prepared: Database,
  vault: Pick<Vault, 'mac'>,
): EventRepository {
  const insert = bySize((size) =>
    prepared
      .insert(table)
      .values(Array.from({ length: size }, (_, index) => slotsOf(table, index)))
      .prepare(),
  );

  /** Waits for an erasure under way, so that nothing added here escapes it. */
  const insertFailure = once(() => {
    const userId = slot('userId', table.userId);
    const isErased = sql`(${userId} IS NOT NULL AND ${users.id} IS NULL)`;
    const unlessErased = (name: 'sessionId' | 'salt') =>
      sql`IF(${isErased}, NULL, ${slot(name, table[name])})`;
    const personal: Record<string, SQL> = {
      userId: sql`${users.id}`,
      sessionId: unlessErased('sessionId'),
      salt: unlessErased('salt'),
      address: sql`IF(${isErased}, '', ${slot('address', table.address)})`,
    };
    const columns = Object.entries(getTableColumns(table)).map(
      ([name, column]) => personal[name] ?? slot(name, column),
    );
    const isUser = and(eq(users.tenantId, slot('tenantId', users.tenantId)), eq(users.id, userId));
    return prepared
      .insert(table)
      .select(
        sql`SELECT ${sql.join(columns, sql`, `)} FROM (SELECT 1) AS one LEFT JOIN ${users} ON ${isUser} LOCK IN SHARE MODE`,
      )
      .prepare();
  });

  function toRow({ event, salt }: SaltedEvent): Row {
    const { userId = null, sessionId = null, keyId = null, details, ...rest } = event;
    const { commitment, mac = null } = sealEvent(vault, event, salt);
    const text = JSON.stringify(details);
    return { ...rest, userId, sessionId, keyId, details: text, position: null, salt, commitment, mac };
  }

  return {
    async add(...added) {
      const rows = added.map((each, index) => withIndex(toRow(each), index));
      await insert(rows.length).execute(Object.assign({}, ...rows));
    },

    async addFailure(added) {
      await insertFailure().execute(toRow(added));
    },

    async removePersonalPart(tenantId, userId) {
      const [result] = await db
        .update(table)
        .set({ userId: null, sessionId: null, address: '', salt: null })
        .where(and(eq(table.tenantId, tenantId), eq(table.userId, userId)));
      return result.affectedRows;
    },

    async list({ tenantId, userId, type, types, outcome, afterId, beforeId }, limit) {
      const rows = await db
        .select()
        .from(table)
        .where(
          and(
            eq(table.tenantId, tenantId),
            userId === undefined ? undefined : eq(table.userId, userId),
            type === undefined ? undefined : eq(table.type, type as EventType),
            types === undefined ? undefined : inArray(table.type, [...types] as EventType[]),
            beforeId === undefined ? undefined : lt(table.id, beforeId),
            outcome === undefined ? undefined : eq(table.outcome, outcome as 'success' | 'failure'),
            afterId === undefined ? undefined : gt(table.id, afterId),
          ),
        )
        // A reader that follows the log must not miss the oldest of many.
        .orderBy(afterId === undefined ? desc(table.id) : asc(table.id))
        .limit(limit);
      if (afterId !== undefined) rows.reverse();
      return rows.map(toEvent);
    },
  };
}
