import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import {
  commitmentOf,
  type EventLog,
  entryOf,
  leafOf,
  macOf,
  type Numbered,
  type Provenance,
  type SealedEvent,
  saltBytes,
} from '../../domain/event-log.ts';
import { appendLeaves, BrokenTreeError } from '../../domain/merkle.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { countByDay } from '../../domain/usage.ts';
import type { Vault } from '../../domain/vault.ts';

export type SequencerDeps = {
  readonly store: Store<'eventLogs' | 'usage'>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  /** Called with rows that no instance recorded: someone else writes to the database. */
  readonly onRefused: (rows: readonly SealedEvent[]) => void;
  /** Called with a tenant whose tree lacks hashes: its log stands still until an operator begins it anew. */
  readonly onBroken: (tenantId: string) => void;
};

/** Another instance numbers events where the last one has not done so for that long. */
const leaseMs = 3000;
const renewMs = 1000;
/** Rows of one transaction. */
const batchRows = 500;
/** Tenants of one transaction. */
const batchTenants = 50;
/** Instances of the version before may still run for that long after the log was opened; their rows have no MAC. */
const upgradeMs = dayMs;
const lowestId = '00000000-0000-0000-0000-000000000000';
const openingPurpose = 'event-log-opening';

/** Time after which a broken log is tried again: an operator may have begun it anew. */
const brokenMs = 10_000;

/** The result of a batch: the number of events, and whether more may be left. */
export type Batch = { readonly numbered: number; readonly hasMore: boolean };

const nothing: Batch = { numbered: 0, hasMore: false };

/** The log of one tenant cannot grow. */
class BrokenLog extends Error {
  readonly tenantId: string;

  constructor(tenantId: string) {
    super('the log is broken');
    this.tenantId = tenantId;
  }
}

/** The numbering of another instance came in between. */
class Superseded extends Error {}

/**
 * Numbers committed events, densely for each tenant, and hashes them into the tree of the tenant's log.
 * Commit order is no order of ids, so a reader that follows ids misses what commits late; positions are given
 * to what is committed. One instance does so at a time. Each transaction first checks its token (a fencing
 * token), so that an instance that was frozen changes nothing when it wakes up.
 */
export function createSequencer(deps: SequencerDeps) {
  const { store, vault, clock, random, onRefused, onBroken } = deps;
  const token = random.uuid();
  let heldUntil = 0;
  let triedAt = 0;
  let isNoted = false;
  let fromTenantId = lowestId;
  /** When the log of a tenant was found broken. */
  const broken = new Map<string, number>();

  async function isHolder(): Promise<boolean> {
    const now = clock();
    const isDue = Math.abs(now.getTime() - triedAt) >= renewMs;
    if (isDue) {
      triedAt = now.getTime();
      const until = new Date(now.getTime() + leaseMs);
      heldUntil = (await store.eventLogs.takeOver(token, now, until)) ? until.getTime() : 0;
    }
    return heldUntil > now.getTime();
  }

  /** Unnumbered rows, of the tenants after those of the last batch: one tenant's storm does not hold up others. */
  async function nextRows(): Promise<SealedEvent[]> {
    const rows = await store.eventLogs.listUnnumbered(fromTenantId, batchRows);
    if (rows.length > 0 || fromTenantId === lowestId) return rows;
    fromTenantId = lowestId;
    return await store.eventLogs.listUnnumbered(fromTenantId, batchRows);
  }

  /**
   * Notes when the first log was opened, before any log has a row: taking the note away later opens no second time in which
   * rows without a MAC are taken.
   */
  async function noteOpening(): Promise<void> {
    if (isNoted) return;
    const { eventLogs } = store;
    if ((await eventLogs.findOpening()) === undefined && !(await eventLogs.hasLogs())) {
      const now = Buffer.from(String(clock().getTime()));
      await eventLogs.saveOpening(vault.seal(openingPurpose, '', now));
    }
    isNoted = true;
  }

  /** Whether rows without a MAC may still be those of an older version. */
  async function isUpgrading(): Promise<boolean> {
    const sealed = await store.eventLogs.findOpening();
    if (sealed === undefined) return false;
    try {
      return clock().getTime() < Number(vault.open(openingPurpose, '', sealed).toString()) + upgradeMs;
    } catch {
      return false;
    }
  }

  /** How far a row is proved; undefined: it is refused. */
  function examine(row: SealedEvent): Provenance | undefined {
    const { seal } = row;
    if (seal?.mac === undefined) return seal === undefined ? 'unproved' : undefined;
    const hasPersonalPart = row.userId !== undefined || row.sessionId !== undefined || row.address !== '';
    const isOwn =
      seal.salt === undefined ? !hasPersonalPart : commitmentOf(row, seal.salt).equals(seal.commitment);
    const isProved = timingSafeEqual(macOf(vault, entryOf(row, seal.commitment, 'proved')), seal.mac);
    return isOwn && isProved ? 'proved' : undefined;
  }

  /** Seals a row of an older version: without a MAC, as no one knows who wrote it. */
  function sealLate(row: SealedEvent): NonNullable<SealedEvent['seal']> {
    const salt = random.bytes(saltBytes);
    return { salt, commitment: commitmentOf(row, salt), mac: undefined };
  }

  async function appendTo(
    { eventLogs, usage }: Pick<Repositories, 'eventLogs' | 'usage'>,
    log: EventLog,
    rows: readonly SealedEvent[],
  ): Promise<void> {
    const numbered: Numbered[] = rows.map((event, index) => ({
      event,
      position: log.size + index + 1,
      seal: event.seal === undefined ? sealLate(event) : undefined,
    }));
    const leaves = numbered.map(({ event, seal }) => {
      const commitment = (event.seal ?? seal)?.commitment ?? Buffer.alloc(0);
      return leafOf(event, commitment, event.seal?.mac === undefined ? 'unproved' : 'proved');
    });
    const { tenantId, number } = log;
    if ((await eventLogs.number(tenantId, numbered)) !== rows.length) throw new Superseded();
    const read = (level: number, tile: number) => eventLogs.readTile(tenantId, number, level, tile);
    await eventLogs.writeTiles(log, await appendLeaves(read, log.size - log.start, leaves));
    if (!(await eventLogs.grow(log, log.size + rows.length))) throw new Superseded();
    await usage.add(tenantId, countByDay(rows));
  }

  /** Numbers the rows of some tenants in one transaction. */
  async function numberAll(byTenant: ReadonlyMap<string, SealedEvent[]>, count: number): Promise<void> {
    await store.transaction(async (repositories) => {
      const { eventLogs } = repositories;
      if (!(await eventLogs.advance(token, count))) throw new Superseded();
      const known = new Map(
        (await eventLogs.findCurrent([...byTenant.keys()])).map((log) => [log.tenantId, log]),
      );
      for (const [tenantId, rows] of byTenant) {
        const log = known.get(tenantId) ?? {
          tenantId,
          number: 1,
          logId: random.uuid(),
          start: 0,
          size: 0,
          startedAt: clock(),
        };
        if (!known.has(tenantId)) await eventLogs.insert(log);
        await appendTo(repositories, log, rows).catch((error: unknown) => {
          throw error instanceof BrokenTreeError ? new BrokenLog(tenantId) : error;
        });
      }
    });
  }

  /** Sets aside what no instance recorded; returns the rest by tenant. */
  async function admit(rows: readonly SealedEvent[]): Promise<Map<string, SealedEvent[]>> {
    const mayBeOld = rows.some(({ seal }) => seal === undefined) && (await isUpgrading());
    const admitted = new Map<string, SealedEvent[]>();
    const refused: SealedEvent[] = [];
    for (const row of rows) {
      if (!admitted.has(row.tenantId) && admitted.size === batchTenants) break;
      if ((broken.get(row.tenantId) ?? 0) > clock().getTime() - brokenMs) continue;
      const provenance = examine(row);
      if (provenance === undefined || (provenance === 'unproved' && !mayBeOld)) refused.push(row);
      else admitted.set(row.tenantId, [...(admitted.get(row.tenantId) ?? []), row]);
    }
    for (const { tenantId, id } of refused) await store.eventLogs.refuse(tenantId, [id]);
    if (refused.length > 0) onRefused(refused);
    return admitted;
  }

  /** Numbers one batch, where this instance is the one that does; returns its result. */
  return async function numberEvents(): Promise<Batch> {
    if (!(await isHolder())) return nothing;
    await noteOpening();
    const rows = await nextRows();
    if (rows.length === 0) return nothing;
    const byTenant = await admit(rows);
    const count = [...byTenant.values()].reduce((sum, { length }) => sum + length, 0);
    const last = [...byTenant.keys()].at(-1) ?? rows.at(-1)?.tenantId ?? lowestId;
    try {
      if (count > 0) await numberAll(byTenant, count);
    } catch (error) {
      if (error instanceof BrokenLog) {
        broken.set(error.tenantId, clock().getTime());
        onBroken(error.tenantId);
      } else if (error instanceof Superseded) [heldUntil, triedAt] = [0, 0];
      else throw error;
      return nothing;
    }
    const isFull = rows.length === batchRows || byTenant.size === batchTenants;
    // A batch that follows a full one skips the tenants before it.
    const hasMore = isFull || fromTenantId !== lowestId;
    // Only what a full batch has left out has to come first.
    fromTenantId = isFull ? nextId(last) : lowestId;
    return { numbered: count, hasMore };
  };
}

/** The id after another one, in the order of bytes. */
function nextId(id: string): string {
  const next = (BigInt(`0x${id.replaceAll('-', '')}`) + 1n).toString(16).padStart(32, '0').slice(-32);
  return next.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
