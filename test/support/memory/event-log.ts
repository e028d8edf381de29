import { createHmac } from 'node:crypto';
import { type EventLogRepository, refusedPosition, sealEvent } from '../../../src/domain/event-log.ts';
import type { EventRepository } from '../../../src/domain/events.ts';
import { byId } from './table.ts';
import type { EventRow, Tables } from './tables.ts';

/** MACs as the store makes them, under a key of its own. */
const vault = {
  mac: (purpose: string, data: Uint8Array) => createHmac('sha256', purpose).update(data).digest(),
};

/** What is left of a person in an event after the erasure. */
const impersonal = { userId: undefined, sessionId: undefined, address: '' } as const;

const toEvent = ({ position: _, seal: __, ...event }: EventRow) => event;

export function createEvents({ events, users }: Tables): EventRepository {
  return {
    async add(...added) {
      for (const { event, salt } of added)
        events.insert({ ...event, position: undefined, seal: sealEvent(vault, event, salt) });
    },
    async addFailure({ event, salt }) {
      const isErased =
        event.userId !== undefined &&
        users.find(({ tenantId, id }) => tenantId === event.tenantId && id === event.userId) === undefined;
      const seal = sealEvent(vault, event, salt);
      events.insert(
        isErased
          ? { ...event, ...impersonal, position: undefined, seal: { ...seal, salt: undefined } }
          : { ...event, position: undefined, seal },
      );
    },
    removePersonalPart: async (tenantId, userId) =>
      events.update(
        (each) => each.tenantId === tenantId && each.userId === userId,
        ({ seal }) => ({ ...impersonal, seal: seal && { ...seal, salt: undefined } }),
      ),
    async list({ tenantId, userId, type, types, outcome, afterId, beforeId }, limit) {
      const found = events
        .all(
          (each) =>
            each.tenantId === tenantId &&
            (userId === undefined || each.userId === userId) &&
            (type === undefined || each.type === type) &&
            (types?.includes(each.type) ?? true) &&
            (beforeId === undefined || each.id < beforeId) &&
            (outcome === undefined || each.outcome === outcome) &&
            (afterId === undefined || each.id > afterId),
        )
        .sort(byId);
      return (afterId === undefined ? found.slice(-limit) : found.slice(0, limit)).reverse().map(toEvent);
    },
  };
}

export function createEventLogs({ events, eventLogs, eventTiles, sequencer }: Tables): EventLogRepository {
  const all = (tenantId: string) =>
    eventLogs.all((each) => each.tenantId === tenantId).sort((a, b) => a.number - b.number);
  const between = (tenantId: string, after: number, upTo: number, limit: number) =>
    events
      .all(
        ({ tenantId: owner, position }) =>
          owner === tenantId && position !== undefined && position > after && position <= upTo,
      )
      .map((row) => ({ ...row, position: row.position ?? 0 }))
      .sort((a, b) => a.position - b.position)
      .slice(0, limit);
  const holder = () => sequencer.find(() => true) ?? { token: '', until: new Date(0), opened: undefined };
  const replace = (change: object) => {
    const row = { ...holder(), ...change };
    sequencer.delete(() => true);
    sequencer.insert(row);
  };
  return {
    findCurrent: async (tenantIds) =>
      tenantIds.flatMap((tenantId) => {
        const last = all(tenantId).at(-1);
        return last === undefined ? [] : [last];
      }),
    list: async (tenantId) => all(tenantId),
    readTile: async (tenantId, number, level, tile) =>
      eventTiles.find(
        (each) =>
          each.tenantId === tenantId && each.number === number && each.level === level && each.tile === tile,
      )?.hashes ?? Buffer.alloc(0),
    async insert(log) {
      eventLogs.insert(log);
    },
    grow: async (log, size) =>
      eventLogs.update(
        (each) => each.tenantId === log.tenantId && each.number === log.number && each.size === log.size,
        { size },
      ) === 1,
    async writeTiles({ tenantId, number }, changed) {
      for (const tile of changed) {
        eventTiles.delete(
          (each) =>
            each.tenantId === tenantId &&
            each.number === number &&
            each.level === tile.level &&
            each.tile === tile.tile,
        );
        eventTiles.insert({ tenantId, number, ...tile });
      }
    },
    async takeOver(token, now, until) {
      const { token: current, until: held } = holder();
      if (current !== token && held > now) return false;
      replace({ token, until });
      return true;
    },
    async seize(token, until) {
      replace({ token, until });
    },
    advance: async (token) => holder().token === token,
    findOpening: async () => holder().opened,
    async saveOpening(opened) {
      replace({ opened });
    },
    listUnnumbered: async (fromTenantId, limit) =>
      events
        .all(({ position, tenantId }) => position === undefined && tenantId >= fromTenantId)
        .sort((a, b) => (a.tenantId === b.tenantId ? byId(a, b) : a.tenantId < b.tenantId ? -1 : 1))
        .slice(0, limit)
        .map(({ position: _, ...event }) => event),
    async number(tenantId, rows) {
      let count = 0;
      for (const { event, position, seal } of rows)
        count += events.update(
          (each) => each.tenantId === tenantId && each.id === event.id && each.position === undefined,
          { position, ...(seal && { seal }) },
        );
      return count;
    },
    async refuse(tenantId, ids) {
      events.update(
        (each) => each.tenantId === tenantId && ids.includes(each.id) && each.position === undefined,
        { position: refusedPosition },
      );
    },
    listRefused: async (limit) =>
      events
        .all(({ position }) => position === refusedPosition)
        .slice(0, limit)
        .map(({ tenantId, id }) => ({ tenantId, id })),
    read: async (...page) => between(...page).map(({ seal: _, ...event }) => event),
    readSealed: async (...page) => between(...page),
    async findSealed(tenantId, id) {
      const row = events.find((each) => each.tenantId === tenantId && each.id === id);
      return row?.position === undefined || row.position === refusedPosition
        ? undefined
        : { ...row, position: row.position };
    },
    hasLogs: async () => eventLogs.all().length > 0,
    positionOf: async (tenantId, fromId) => {
      const kept = between(tenantId, 0, refusedPosition - 1, Number.POSITIVE_INFINITY).filter(
        ({ id }) => id >= fromId,
      );
      return kept.length === 0 ? undefined : Math.min(...kept.map(({ position }) => position));
    },
    deleteBefore: async (tenantId, position, limit) =>
      events.delete(
        (each) =>
          each.tenantId === tenantId &&
          each.position !== undefined &&
          each.position > 0 &&
          each.position < position,
        limit,
      ),
    oldestPosition: async (tenantId) => between(tenantId, 0, refusedPosition - 1, 1)[0]?.position,
  };
}
