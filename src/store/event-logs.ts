import { and, asc, desc, eq, gt, gte, inArray, isNull, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import { type EventLogRepository, refusedPosition } from '../domain/event-log.ts';
import { uuidToBytes } from '../domain/token.ts';
import type { Database } from './database.ts';
import { toEvent, toSealed } from './events.ts';
import { once, slot, slotsOf } from './prepared.ts';
import {
  events,
  eventLogs as logs,
  eventSequencer as sequencer,
  eventTiles as tiles,
} from './tables/events.ts';

/** Rows in which ids and positions may be out of order. */
const edgeRows = 1000;

/** The id of the only row of `event_sequencer`. */
const theSequencer = eq(sequencer.id, 1);

export function createEventLogRepository(db: Database, prepared: Database): EventLogRepository {
  const rowsBetween = (tenantId: string, after: number, upTo: number, limit: number) =>
    db
      .select()
      // MariaDB may read all of the tenant's positions up to those (a ref that a range of another index has priced).
      .from(events, { useIndex: 'events_position' })
      .where(and(eq(events.tenantId, tenantId), gt(events.position, after), lte(events.position, upTo)))
      .orderBy(asc(events.position))
      .limit(limit);

  // The statements of every batch of the sequencer, prepared.
  const given = {
    log: and(
      eq(logs.tenantId, slot('tenantId', logs.tenantId)),
      eq(logs.number, slot('number', logs.number)),
    ),
    tile: and(
      eq(tiles.tenantId, slot('tenantId', tiles.tenantId)),
      eq(tiles.number, slot('number', tiles.number)),
      eq(tiles.level, slot('level', tiles.level)),
      eq(tiles.tile, slot('tile', tiles.tile)),
    ),
  };

  const findCurrentOfOne = once(() =>
    prepared
      .select()
      .from(logs)
      .where(eq(logs.tenantId, slot('tenantId', logs.tenantId)))
      .orderBy(desc(logs.number))
      .limit(1)
      .prepare(),
  );

  const readTile = once(() =>
    prepared.select({ hashes: tiles.hashes }).from(tiles).where(given.tile).prepare(),
  );

  const writeTile = once(() =>
    prepared
      .insert(tiles)
      .values(slotsOf(tiles))
      .onDuplicateKeyUpdate({ set: { hashes: sql`VALUES(${tiles.hashes})` } })
      .prepare(),
  );

  const grow = once(() =>
    prepared
      .update(logs)
      .set({ size: sql`${slot('size', logs.size)}` })
      .where(and(given.log, eq(logs.size, slot('before', logs.size))))
      .prepare(),
  );

  const advance = once(() =>
    prepared
      .update(sequencer)
      .set({ numbered: sql`${sequencer.numbered} + ${sql.placeholder('count')}` })
      .where(and(theSequencer, eq(sequencer.token, slot('token', sequencer.token))))
      .prepare(),
  );

  const listUnnumbered = once(() =>
    prepared
      .select()
      .from(events)
      .where(and(isNull(events.position), gte(events.tenantId, slot('fromTenantId', events.tenantId))))
      .orderBy(asc(events.tenantId), asc(events.id))
      .limit(sql.placeholder('limit'))
      .prepare(),
  );

  return {
    async findCurrent(tenantIds) {
      const [tenantId] = tenantIds;
      if (tenantId === undefined) return [];
      if (tenantIds.length === 1) return await findCurrentOfOne().execute({ tenantId });
      const rows = await db
        .select()
        .from(logs)
        .where(inArray(logs.tenantId, [...tenantIds]))
        .orderBy(asc(logs.tenantId), asc(logs.number));
      return [...new Map(rows.map((row) => [row.tenantId, row])).values()];
    },

    list: async (tenantId) =>
      await db.select().from(logs).where(eq(logs.tenantId, tenantId)).orderBy(asc(logs.number)),

    async readTile(tenantId, number, level, tile) {
      const [row] = await readTile().execute({ tenantId, number, level, tile });
      return row?.hashes ?? Buffer.alloc(0);
    },

    async insert(log) {
      await db.insert(logs).values(log);
    },

    async grow({ tenantId, number, size: before }, size) {
      const [result] = await grow().execute({ tenantId, number, before, size });
      return result.affectedRows === 1;
    },

    async writeTiles({ tenantId, number }, changed) {
      for (const tile of changed) await writeTile().execute({ tenantId, number, ...tile });
    },

    async takeOver(token, now, until) {
      const [result] = await db
        .update(sequencer)
        .set({ token, until })
        .where(and(theSequencer, or(eq(sequencer.token, token), lte(sequencer.until, now))));
      return result.affectedRows === 1;
    },

    async seize(token, until) {
      await db.update(sequencer).set({ token, until }).where(theSequencer);
    },

    async advance(token, count) {
      const [result] = await advance().execute({ token, count });
      return result.affectedRows === 1;
    },

    async findOpening() {
      const [row] = await db.select({ opened: sequencer.opened }).from(sequencer).where(theSequencer);
      return row?.opened ?? undefined;
    },

    async saveOpening(opened) {
      await db.update(sequencer).set({ opened }).where(theSequencer);
    },

    listUnnumbered: async (fromTenantId, limit) =>
      (await listUnnumbered().execute({ fromTenantId, limit })).map(toSealed),

    async number(tenantId, rows) {
      const position = caseOf(rows.map(({ event, position }) => [event.id, sql`${position}`]));
      const sealed = rows.flatMap(({ event, seal }) =>
        seal === undefined ? [] : [{ id: event.id, ...seal }],
      );
      for (const { id, salt, commitment } of sealed)
        await db
          .update(events)
          .set({ salt: salt ?? null, commitment })
          .where(and(eq(events.tenantId, tenantId), eq(events.id, id)));
      const ids = rows.map(({ event }) => event.id);
      const [result] = await db
        .update(events)
        .set({ position })
        .where(and(eq(events.tenantId, tenantId), inArray(events.id, ids), isNull(events.position)));
      return result.affectedRows;
    },

    async refuse(tenantId, ids) {
      await db
        .update(events)
        .set({ position: refusedPosition })
        .where(and(eq(events.tenantId, tenantId), inArray(events.id, [...ids]), isNull(events.position)));
    },

    listRefused: async (limit) =>
      await db
        .select({ tenantId: events.tenantId, id: events.id })
        .from(events)
        .where(eq(events.position, refusedPosition))
        .limit(limit),

    read: async (tenantId, after, upTo, limit) =>
      (await rowsBetween(tenantId, after, upTo, limit)).map((row) => ({
        ...toEvent(row),
        position: Number(row.position),
      })),

    readSealed: async (tenantId, after, upTo, limit) =>
      (await rowsBetween(tenantId, after, upTo, limit)).map((row) => ({
        ...toSealed(row),
        position: Number(row.position),
      })),

    async findSealed(tenantId, id) {
      const [row] = await db
        .select()
        .from(events)
        .where(and(eq(events.tenantId, tenantId), eq(events.id, id)));
      const position = row?.position ?? refusedPosition;
      return row === undefined || position === refusedPosition || position === 0
        ? undefined
        : { ...toSealed(row), position };
    },

    async hasLogs() {
      return (await db.select({ number: logs.number }).from(logs).limit(1)).length > 0;
    },

    async positionOf(tenantId, fromId) {
      const rows = await db
        .select({ position: events.position })
        .from(events)
        .where(and(eq(events.tenantId, tenantId), gte(events.id, fromId)))
        .orderBy(asc(events.id))
        .limit(edgeRows);
      const positions = rows.flatMap(({ position }) =>
        position === null || position === 0 || position === refusedPosition ? [] : [position],
      );
      return positions.length === 0 ? undefined : Math.min(...positions);
    },

    async deleteBefore(tenantId, position, limit) {
      const [result] = await db
        .delete(events)
        .where(and(eq(events.tenantId, tenantId), gt(events.position, 0), lt(events.position, position)))
        .limit(limit);
      return result.affectedRows;
    },

    async oldestPosition(tenantId) {
      const [row] = await db
        .select({ position: events.position })
        .from(events)
        .where(
          and(eq(events.tenantId, tenantId), gt(events.position, 0), lt(events.position, refusedPosition)),
        )
        .orderBy(asc(events.position))
        .limit(1);
      return row?.position ?? undefined;
    },
  };
}

/** `CASE id WHEN … END`: many rows get a value each in one statement. */
function caseOf(values: readonly (readonly [id: string, value: SQL])[]): SQL<number> {
  const branches = values.map(([id, value]) => sql`WHEN ${uuidToBytes(id)} THEN ${value}`);
  return sql`CASE ${events.id} ${sql.join(branches, sql` `)} END`;
}
