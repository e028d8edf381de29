import { createHmac } from 'node:crypto';
import type { Event } from './events.ts';
import { leafHash, type Tile } from './merkle.ts';
import type { Vault } from './vault.ts';

/**
 * The proof of an event. The commitment stands for the personal part, so that an erasure removes part and
 * salt, and nothing that was hashed changes.
 */
export type EventSeal = {
  /** Random bytes of this event alone; undefined after an erasure. */
  readonly salt: Buffer | undefined;
  /** HMAC-SHA-256 of the personal part under the salt. */
  readonly commitment: Buffer;
  /** MAC of the entry under a key of the deployment, by the instance that recorded the event. */
  readonly mac: Buffer | undefined;
};

/** An event with its place in the log of its tenant: 1 for the first. */
export type LoggedEvent = Event & { readonly position: number };

/** An event as its row has it. Rows of older versions lack the seal. */
export type SealedEvent = Event & { readonly seal: EventSeal | undefined };

/** Whether the instance that recorded an event is proved: `unproved` are rows of an older version. */
export type Provenance = 'proved' | 'unproved';

const entryVersion = 'manam-event-v1';

export const saltBytes = 16;

/** The commitment to the personal part of an event. */
export function commitmentOf(
  { userId, sessionId, address }: Pick<Event, 'userId' | 'sessionId' | 'address'>,
  salt: Uint8Array,
): Buffer {
  return createHmac('sha256', salt)
    .update(JSON.stringify([userId ?? '', sessionId ?? '', address]))
    .digest();
}

/** The part of an event that is hashed as it is: all but the personal part, which has its commitment. */
export type EventEntry = Pick<
  Event,
  'tenantId' | 'id' | 'type' | 'outcome' | 'reason' | 'details' | 'keyId' | 'requestId' | 'createdAt'
>;

/** The entry of an event in the log, in UTF-8: a JSON array in this order. */
export function entryOf(event: EventEntry, commitment: Uint8Array, provenance: Provenance): Buffer {
  const { tenantId, id, type, outcome, reason, details, keyId, requestId, createdAt } = event;
  const text = Buffer.from(commitment).toString('base64url');
  const time = createdAt.toISOString();
  return Buffer.from(
    JSON.stringify([
      entryVersion,
      provenance,
      tenantId,
      id,
      type,
      outcome,
      reason,
      details,
      keyId ?? '',
      requestId,
      time,
      text,
    ]),
  );
}

/** The MAC of an entry, by the instance that records it. */
export function macOf(vault: Pick<Vault, 'mac'>, entry: Uint8Array): Buffer {
  return vault.mac('event', entry);
}

/** Seals an event that is recorded now, with fresh random bytes. */
export function sealEvent(vault: Pick<Vault, 'mac'>, event: Event, salt: Buffer): EventSeal {
  const commitment = commitmentOf(event, salt);
  return { salt, commitment, mac: macOf(vault, entryOf(event, commitment, 'proved')) };
}

/** The leaf of an event in the tree of its log. */
export function leafOf(event: EventEntry, commitment: Uint8Array, provenance: Provenance): Buffer {
  return leafHash(entryOf(event, commitment, provenance));
}

/**
 * A log of a tenant. It covers the events after position `start`, up to position `size`; a restored backup
 * ends it, and the next one starts at its size.
 */
export type EventLog = {
  readonly tenantId: string;
  /** 1 for the first log of the tenant. */
  readonly number: number;
  readonly logId: string;
  readonly start: number;
  readonly size: number;
  readonly startedAt: Date;
};

/** The position of a row that the sequencer refused, because its MAC is wrong. It is beyond every log. */
export const refusedPosition = Number.MAX_SAFE_INTEGER;

/** An event gets a position. `seal`: that of a row that lacked one. */
export type Numbered = {
  readonly event: SealedEvent;
  readonly position: number;
  readonly seal: EventSeal | undefined;
};

export type EventLogRepository = {
  /** The current logs of tenants; one that has no events yet has none. */
  findCurrent(tenantIds: readonly string[]): Promise<EventLog[]>;
  /** All logs of a tenant, the oldest first. */
  list(tenantId: string): Promise<EventLog[]>;
  /** The hashes of a tile; empty where there is none. */
  readTile(tenantId: string, number: number, level: number, tile: number): Promise<Buffer>;
  /** Begins a log. */
  insert(log: EventLog): Promise<void>;
  /** Moves the end of a log; false where it was elsewhere by then. */
  grow(log: EventLog, size: number): Promise<boolean>;
  writeTiles(log: EventLog, tiles: readonly Tile[]): Promise<void>;
  /** Makes an instance the one that numbers events, where there is none or its time is over. */
  takeOver(token: string, now: Date, until: Date): Promise<boolean>;
  /** Makes an instance the one that numbers events at once, until a time. The one before changes nothing more. */
  seize(token: string, until: Date): Promise<void>;
  /** Counts numbered events; false where another instance has taken over. It must be the first write of a transaction. */
  advance(token: string, count: number): Promise<boolean>;
  /** Whether any tenant has a log. */
  hasLogs(): Promise<boolean>;
  /** The sealed time at which the first log was opened; undefined: none was. */
  findOpening(): Promise<Buffer | undefined>;
  saveOpening(sealed: Buffer): Promise<void>;
  /** Committed rows without a position, of tenants from an id on, by tenant and id. */
  listUnnumbered(fromTenantId: string, limit: number): Promise<SealedEvent[]>;
  /** Gives rows of one tenant their positions; returns how many still had none. */
  number(tenantId: string, rows: readonly Numbered[]): Promise<number>;
  /** Sets rows aside that no instance recorded. */
  refuse(tenantId: string, ids: readonly string[]): Promise<void>;
  /** Rows that were set aside, at most that many. */
  listRefused(limit: number): Promise<Pick<Event, 'tenantId' | 'id'>[]>;
  /** Events after a position up to another one, in order. */
  read(tenantId: string, after: number, upTo: number, limit: number): Promise<LoggedEvent[]>;
  /** The same with what proves them. */
  readSealed(
    tenantId: string,
    after: number,
    upTo: number,
    limit: number,
  ): Promise<(SealedEvent & { readonly position: number })[]>;
  /** An event that has its position; undefined: there is none. */
  findSealed(
    tenantId: string,
    id: string,
  ): Promise<(SealedEvent & { readonly position: number }) | undefined>;
  /**
   * The position before which all events are older than an id: the lowest of the first events from that id on, which commit
   * some seconds out of the order of ids.
   */
  positionOf(tenantId: string, fromId: string): Promise<number | undefined>;
  /** Deletes events before a position, at most `limit`; returns their number. */
  deleteBefore(tenantId: string, position: number, limit: number): Promise<number>;
  /** The lowest position that retention has left; undefined: no event is left. */
  oldestPosition(tenantId: string): Promise<number | undefined>;
};
