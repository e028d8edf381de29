import type { Caller } from '../../domain/caller.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { formatCursor, parseCursor } from '../../domain/event-cursor.ts';
import type { LoggedEvent } from '../../domain/event-log.ts';
import { eventCatalogue, isEventType } from '../../domain/events.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Vault } from '../../domain/vault.ts';
import { type EventTail, pageRows } from './tail.ts';

export type ReadEventsDeps = {
  readonly store: Store<'eventLogs'>;
  readonly tail: EventTail;
  readonly vault: Pick<Vault, 'mac'>;
};

/** Types, or beginnings of types that end with a dot; none: all. */
export type TypeFilter = readonly string[];

/** An event for a tenant's back end, with the cursor after it. */
export type PublishedEvent = { readonly event: LoggedEvent; readonly cursor: string };

export type EventPage = {
  readonly events: readonly PublishedEvent[];
  /** The position after everything that was read. */
  readonly position: number;
  readonly cursor: string;
  readonly hasMore: boolean;
};

const maxTypes = 50;
const defaultLimit = 100;
/** Rows that one ListEvents looks at. */
const maxScanned = 2000;

/** Throws REQUEST_INVALID where a filter names what no event is called. */
export function parseTypes(types: TypeFilter, field = 'types'): TypeFilter {
  const known = Object.keys(eventCatalogue);
  const wrong = types.findIndex((type) =>
    type.endsWith('.') ? !known.some((each) => each.startsWith(type)) : !isEventType(type),
  );
  if (wrong >= 0) {
    const description =
      'must be a type of docs/events.md, or a beginning that ends with a dot, such as session.';
    throw invalid({ field: `${field}.${wrong}`, reason: 'FIELD_INVALID', description });
  }
  if (types.length > maxTypes) throw invalid({ field, reason: 'FIELD_TOO_LONG' });
  return types;
}

/** Whether a tenant gets to see an event, and asked for it. A type of a newer version is not known yet. */
export function isWanted({ type }: Pick<LoggedEvent, 'type'>, types: TypeFilter): boolean {
  if (!isEventType(type) || !eventCatalogue[type].audience.includes('tenant')) return false;
  return (
    types.length === 0 || types.some((each) => each === type || (each.endsWith('.') && type.startsWith(each)))
  );
}

/** Reads the log of a tenant from a cursor on. Positions are dense, so that what is gone is noticed. */
export function createReadEvents({ store, tail, vault }: ReadEventsDeps) {
  /** The position that a cursor stands for. Throws CURSOR_INVALID, or CURSOR_EXPIRED where a backup was restored since. */
  async function positionOf(tenantId: string, text: string): Promise<number> {
    const cursor = parseCursor(vault, tenantId, text);
    if (cursor === undefined) throw new DomainError('CURSOR_INVALID');
    const logs = await store.eventLogs.list(tenantId);
    const later = logs.find(({ number }) => number > cursor.log);
    const isAhead = cursor.position > (logs.at(-1)?.size ?? 0);
    if (isAhead || (later !== undefined && cursor.position > later.start))
      throw new DomainError('CURSOR_EXPIRED');
    return cursor.position;
  }

  /** The position before the oldest event that is kept. */
  async function start(tenantId: string): Promise<number> {
    const oldest = await store.eventLogs.oldestPosition(tenantId);
    if (oldest !== undefined) return oldest - 1;
    return (await tail.current(tenantId))?.size ?? 0;
  }

  /**
   * Up to `pageRows` events after a position, and before one that is gone (`hasGap`). Throws CURSOR_EXPIRED where the next
   * one is gone.
   */
  async function page(
    tenantId: string,
    after: number,
    types: TypeFilter,
  ): Promise<EventPage & { readonly hasGap: boolean }> {
    const log = await tail.current(tenantId);
    const cursorOf = (position: number) => formatCursor(vault, tenantId, { log: log?.number ?? 1, position });
    if (log === undefined || after >= log.size)
      return { events: [], position: after, cursor: cursorOf(after), hasMore: false, hasGap: false };
    const rows = await tail.read(tenantId, after, log.size);
    const gap = rows.findIndex(({ position }, index) => position !== after + index + 1);
    const whole = gap < 0 ? rows : rows.slice(0, gap);
    const last = whole.at(-1);
    if (last === undefined) throw new DomainError('CURSOR_EXPIRED');
    const events = whole
      .filter((event) => isWanted(event, types))
      .map((event) => ({ event, cursor: cursorOf(event.position) }));
    const { position } = last;
    return { events, position, cursor: cursorOf(position), hasMore: position < log.size, hasGap: gap >= 0 };
  }

  async function cursorAt(tenantId: string, position: number): Promise<string> {
    return formatCursor(vault, tenantId, { log: (await tail.current(tenantId))?.number ?? 1, position });
  }

  type Query = { readonly after: string; readonly types: TypeFilter; readonly limit: number };

  /** Lists events from a cursor backwards, the newest first. What is gone is where it ends. */
  async function listBackwards(tenantId: string, { after, limit, types }: Query): Promise<EventPage> {
    const log = await tail.current(tenantId);
    const cursorOf = (position: number) => formatCursor(vault, tenantId, { log: log?.number ?? 1, position });
    let position = after === '' ? (log?.size ?? 0) : await positionOf(tenantId, after);
    const first = await start(tenantId);
    const found: PublishedEvent[] = [];
    for (let scanned = 0; position > first && scanned < maxScanned; scanned += pageRows) {
      const end = position;
      const rows = await tail.read(tenantId, Math.max(first, end - pageRows), end);
      for (const event of rows.toReversed()) {
        position = event.position - 1;
        if (isWanted(event, types)) found.push({ event, cursor: cursorOf(position) });
        if (found.length >= limit) break;
      }
      if (found.length >= limit) break;
      // A purge may have deleted these rows meanwhile: the next older ones follow.
      position = Math.min(position, Math.max(first, end - pageRows));
    }
    return { events: found, position, cursor: cursorOf(position), hasMore: position > first };
  }

  return {
    positionOf,
    start,
    page,
    cursorAt,

    /** Lists events after a cursor; it may return none although there is more, where few match. */
    async list({ tenant }: Caller, query: Query & { readonly newestFirst: boolean }): Promise<EventPage> {
      const types = parseTypes(query.types);
      const limit = query.limit === 0 ? defaultLimit : query.limit;
      if (query.newestFirst) return await listBackwards(tenant.id, { ...query, types, limit });
      let position = query.after === '' ? await start(tenant.id) : await positionOf(tenant.id, query.after);
      const found: PublishedEvent[] = [];
      for (let scanned = 0; ; scanned += pageRows) {
        const { events, hasGap, ...rest } = await page(tenant.id, position, types);
        const taken = events.slice(0, limit - found.length);
        found.push(...taken);
        const last = taken.at(-1);
        if (taken.length < events.length && last !== undefined)
          return { events: found, position: last.event.position, cursor: last.cursor, hasMore: true };
        ({ position } = rest);
        // The events before a gap are returned; the next call begins at the gap, and says so.
        const isEnough = found.length >= limit || scanned + pageRows >= maxScanned || hasGap;
        if (!rest.hasMore || isEnough) return { events: found, ...rest };
      }
    },
  };
}

export type ReadEvents = ReturnType<typeof createReadEvents>;
