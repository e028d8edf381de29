import { and, eq, isNotNull, or, type SQL } from 'drizzle-orm';
import type { SessionRepository } from '../domain/session.ts';
import { enrolledColumns, hasAuthenticatorRow } from './authenticators.ts';
import { inBatches } from './batches.ts';
import type { Database } from './database.ts';
import { bySize, slot, withIndex } from './prepared.ts';
import { isLive, isSession, ownerOf } from './session-conditions.ts';
import { sessions } from './tables/sessions.ts';
import { identifiers, users } from './tables/users.ts';
import { emails, mobiles, ownedBy, toView, viewColumns } from './user-view.ts';

// The reads of every call that carries an access token and of every refresh.

type Row = typeof sessions.$inferSelect;

const hasFactor = hasAuthenticatorRow.as('has_factor');

/** Whether a session began without the second factor that its user has by now, and no device stood for it: it is not live. */
function lacksSecondFactor(
  hasFactor: number,
  { level, amr, deviceId }: Pick<Row, 'level' | 'amr' | 'deviceId'>,
) {
  // A member who acts for a user has no factor of theirs.
  return level !== 'acting' && hasFactor > 0 && !amr.includes('mfa') && deviceId === null;
}

type OfCall = { readonly tenantId: string; readonly id: string; readonly now: Date };

/** The numbers of sessions that one statement reads for calls. */
const batchSizes = [1, 2, 4, 8, 16];
const largestBatch = Math.max(...batchSizes);

const keyOf = ({ tenantId, id }: Pick<OfCall, 'tenantId' | 'id'>) => `${tenantId} ${id}`;

/** Reads sessions for calls: those that are asked for in one turn of the event loop share a statement. */
function createBatchedRead<R extends { readonly session: Pick<Row, 'tenantId' | 'id'> }>(
  /** The statement for live sessions of active users, of those that a condition names. */
  prepare: (named: SQL | undefined) => { execute(values: Record<string, unknown>): Promise<R[]> },
) {
  const statementOf = bySize((size) => {
    const named = Array.from({ length: size }, (_, index) =>
      isSession(slot(`tenantId${index}`, sessions.tenantId), slot(`id${index}`, sessions.id)),
    );
    return prepare(and(or(...named), isLive(slot('now', sessions.expiresAt)), eq(users.status, 'active')));
  });

  /** The sizes are few: the last call fills up the statement. */
  return inBatches(largestBatch, async (calls: readonly OfCall[]) => {
    const size = batchSizes.find((each) => each >= calls.length);
    if (size === undefined) throw new Error('a batch is larger than any statement');
    const slots = Array.from({ length: size }, (_, index) => {
      const { tenantId, id } = calls[Math.min(index, calls.length - 1)] as OfCall;
      return withIndex({ tenantId, id }, index);
    });
    const now = new Date(Math.max(...calls.map((call) => call.now.getTime())));
    const rows = await statementOf(size).execute(Object.assign({ now }, ...slots));
    const found = new Map(rows.map((row) => [keyOf(row.session), row]));
    return calls.map((call) => found.get(keyOf(call)));
  });
}

/** Reads the session of a call, with its user. */
export function createFindOfCall(prepared: Database): SessionRepository['findOfCall'] {
  const { tenantId, id, userId, level, amr, authTime, deviceId } = sessions;
  const columns = { tenantId, id, userId, level, amr, authTime, deviceId };
  const isConfirmed = or(isNotNull(emails.confirmedAt), isNotNull(mobiles.confirmedAt));
  const find = createBatchedRead((named) =>
    prepared
      .select({ session: columns, hasFactor, ...viewColumns })
      .from(sessions)
      .innerJoin(users, ownerOf)
      .leftJoin(emails, ownedBy(emails, 'email'))
      .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
      .where(and(named, isConfirmed))
      .prepare(),
  );

  return async (tenantId, id, now) => {
    const row = await find({ tenantId, id, now });
    if (row === undefined || lacksSecondFactor(row.hasFactor, row.session)) return undefined;
    const { deviceId, tenantId: _, ...session } = row.session;
    return { ...session, deviceId: deviceId ?? undefined, holder: toView(row) };
  };
}

/** Reads the row of a session, as a refresh needs it. */
export function createFindLiveRow(prepared: Database) {
  const isConfirmed = and(
    eq(identifiers.tenantId, users.tenantId),
    eq(identifiers.userId, users.id),
    isNotNull(identifiers.confirmedAt),
  );
  const find = createBatchedRead((named) =>
    prepared
      .select({ session: sessions, hasFactor, kinds: enrolledColumns.kinds, roles: users.roles })
      .from(sessions)
      .innerJoin(users, ownerOf)
      .innerJoin(identifiers, isConfirmed)
      .where(named)
      .prepare(),
  );

  return async (tenantId: string, id: string, now: Date) => {
    const row = await find({ tenantId, id, now });
    return row === undefined || lacksSecondFactor(row.hasFactor, row.session) ? undefined : row;
  };
}
