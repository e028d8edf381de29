import { and, eq, gt, isNotNull, isNull, or, type Param } from 'drizzle-orm';
import type { SessionRepository } from '../domain/session.ts';
import { hasAuthenticatorRow } from './authenticators.ts';
import { inBatches } from './batches.ts';
import type { Database } from './database.ts';
import { once, slot } from './prepared.ts';
import { sessions } from './tables/sessions.ts';
import { users } from './tables/users.ts';
import { emails, mobiles, ownedBy, toView } from './user-view.ts';

// The read of every call that carries an access token; and what makes a session live, for the other reads as well.

type Row = typeof sessions.$inferSelect;

export const isSession = (tenantId: string | Param, id: string | Param) =>
  and(eq(sessions.tenantId, tenantId), eq(sessions.id, id));

export const isLive = (now: Date | Param) =>
  and(isNull(sessions.revokedAt), gt(sessions.expiresAt, now), gt(sessions.idleExpiresAt, now));

/** The user of the session. */
export const ownerOf = and(eq(users.tenantId, sessions.tenantId), eq(users.id, sessions.userId));

export const hasFactor = hasAuthenticatorRow.as('has_factor');

/** Whether a session began without the second factor that its user has by now, and no device stood for it: it is not live. */
export function lacksSecondFactor(
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

/** Reads the sessions of calls: those that arrive in one turn of the event loop share a statement. */
export function createFindOfCall(prepared: Database): SessionRepository['findOfCall'] {
  /** The statement for so many calls at a time. */
  const findOfCalls = (size: number) =>
    once(() => {
      const { tenantId, id, userId, level, amr, authTime, deviceId } = sessions;
      const columns = { tenantId, id, userId, level, amr, authTime, deviceId };
      const named = Array.from({ length: size }, (_, index) =>
        isSession(slot(`tenantId${index}`, tenantId), slot(`id${index}`, id)),
      );
      const isConfirmed = or(isNotNull(emails.confirmedAt), isNotNull(mobiles.confirmedAt));
      return prepared
        .select({ session: columns, hasFactor, users, emails, mobiles })
        .from(sessions)
        .innerJoin(users, ownerOf)
        .leftJoin(emails, ownedBy(emails, 'email'))
        .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
        .where(
          and(or(...named), isLive(slot('now', sessions.expiresAt)), eq(users.status, 'active'), isConfirmed),
        )
        .prepare();
    });
  const ofCalls = batchSizes.map((size) => ({ size, statement: findOfCalls(size) }));

  /** The sessions of calls, in one statement; the sizes are few, and the last call fills up the statement. */
  const findOfCall = inBatches(largestBatch, async (calls: readonly OfCall[]) => {
    const fit = ofCalls.find(({ size }) => size >= calls.length);
    if (fit === undefined) throw new Error('a batch is larger than any statement');
    const slots = Array.from({ length: fit.size }, (_, index) => {
      const { tenantId, id } = calls[Math.min(index, calls.length - 1)] as OfCall;
      return { [`tenantId${index}`]: tenantId, [`id${index}`]: id };
    });
    const now = new Date(Math.max(...calls.map((call) => call.now.getTime())));
    const rows = await fit.statement().execute(Object.assign({ now }, ...slots));
    const found = new Map(rows.map((row) => [keyOf(row.session), row]));
    return calls.map((call) => found.get(keyOf(call)));
  });

  return async (tenantId, id, now) => {
    const row = await findOfCall({ tenantId, id, now });
    if (row === undefined || lacksSecondFactor(row.hasFactor, row.session)) return undefined;
    const { deviceId, tenantId: _, ...session } = row.session;
    return { ...session, deviceId: deviceId ?? undefined, holder: toView(row) };
  };
}
