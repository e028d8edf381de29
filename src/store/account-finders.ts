import { and, eq, gt, isNull, ne, or, type Param, type SQL, sql } from 'drizzle-orm';
import type { DeviceHistory, SignInOrigin } from '../domain/device.ts';
import { maxSessions } from '../domain/session.ts';
import { bytesToUuid } from '../domain/token.ts';
import type { SessionAccount, UserRepository } from '../domain/user.ts';
import { type EnrolledRow, enrolledColumns, toEnrolled } from './authenticators.ts';
import type { Database } from './database.ts';
import { once, slot } from './prepared.ts';
import { isLive, latestOf } from './session-conditions.ts';
import { attemptCounters } from './tables/limits.ts';
import { sessions } from './tables/sessions.ts';
import { credentials, identifiers, users } from './tables/users.ts';
import {
  emails,
  hasCredentials,
  heldColumns,
  isIdentifier,
  mobiles,
  ownedBy,
  toIdentifier,
  toView,
  type ViewRow,
  viewColumns,
} from './user-view.ts';

type AccountRow = ViewRow & EnrolledRow & { readonly history: string };

/** Reads the text of `history`. */
function toHistory(text: string) {
  const [all, known, same, begun, unexpired, live, oldest = ''] = text.split(' ');
  const devices: DeviceHistory = { sessions: Number(all), known: Number(known), same: Number(same) };
  return { devices, begun: Number(begun), unexpired: Number(unexpired), live: Number(live), oldest };
}

function toAccount(row: AccountRow): SessionAccount {
  const { devices, unexpired, live, oldest } = toHistory(row.history);
  // Those whose idle time is over take another look, which marks them.
  const isAll = live === unexpired && live === maxSessions;
  const oldestSession = isAll ? bytesToUuid(Buffer.from(oldest, 'hex')) : undefined;
  return { ...toView(row), enrolled: toEnrolled(row), liveSessions: unexpired, oldestSession, devices };
}

/** The values of a statement that looks for the device of a sign-in. */
function toSlots({ jkt, ...origin }: SignInOrigin) {
  return { ...origin, jkt: Buffer.from(jkt, 'base64url') };
}

/** What sign-ins and calls read of a user, in prepared statements. */
export function createAccountFinders(
  db: Database,
  prepared: Database,
): Pick<UserRepository, 'findForLogin' | 'findForSession' | 'findById'> {
  /** Counts of a user's latest sessions and the id of the oldest live one, as one text, so that each row is read once. */
  const history = (userId: SQL | Param) => {
    const latest = latestOf(db, slot('tenantId', sessions.tenantId), userId);
    const isKnown = ne(latest.device, sql.param('', sessions.device));
    const isSame = or(
      eq(latest.device, slot('device', sessions.device)),
      eq(latest.jkt, slot('jkt', sessions.jkt)),
    );
    // All callers of unknown address share the empty one.
    const isFromAddress = and(
      eq(latest.address, slot('address', sessions.address)),
      ne(latest.address, sql.param('', sessions.address)),
    );
    const now = slot('now', sessions.expiresAt);
    const isUnexpired = and(isNull(latest.revokedAt), gt(latest.expiresAt, now));
    const sums = [sql`1`, isKnown, isSame, isFromAddress, isUnexpired].map(
      (condition) => sql`COALESCE(SUM(${condition}), 0)`,
    );
    const liveId = sql`IF(${isLive(now, latest)}, ${latest.id}, NULL)`;
    const live = sql`COUNT(${liveId}), HEX(MIN(${liveId}))`;
    return db.select({ history: sql`CONCAT_WS(' ', ${sql.join(sums, sql`, `)}, ${live})` }).from(latest);
  };

  /** The columns of the session gate, beside the joins of emails and mobiles. */
  const accountColumns = (userId: SQL | Param) => ({
    ...viewColumns,
    ...enrolledColumns,
    history: sql<string>`(${history(userId)})`.as('history'),
  });
  const givenUser = and(
    eq(users.tenantId, slot('tenantId', users.tenantId)),
    eq(users.id, slot('userId', users.id)),
  );

  const findForLogin = once(() => {
    const isOfUser = and(
      eq(attemptCounters.tenantId, users.tenantId),
      eq(attemptCounters.kind, sql.param('password-total', attemptCounters.kind)),
      eq(attemptCounters.subject, users.id),
    );
    const isGiven = isIdentifier(slot('tenantId', identifiers.tenantId), {
      kind: slot('kind', identifiers.kind),
      canonical: slot('canonical', identifiers.canonical),
    });
    const holder = db.select({ userId: identifiers.userId }).from(identifiers).where(isGiven);
    return prepared
      .select({
        held: heldColumns(identifiers),
        passwordHash: credentials.passwordHash,
        totalFailures: attemptCounters.failures,
        ...accountColumns(sql`(${holder})`),
      })
      .from(identifiers)
      .innerJoin(users, and(eq(users.tenantId, identifiers.tenantId), eq(users.id, identifiers.userId)))
      .leftJoin(credentials, hasCredentials)
      .leftJoin(emails, ownedBy(emails, 'email'))
      .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
      .leftJoin(attemptCounters, isOfUser)
      .where(isGiven)
      .prepare();
  });

  const findForSession = once(() =>
    prepared
      .select(accountColumns(slot('userId', sessions.userId)))
      .from(users)
      .leftJoin(emails, ownedBy(emails, 'email'))
      .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
      .where(givenUser)
      .prepare(),
  );

  const findById = once(() =>
    prepared
      .select(viewColumns)
      .from(users)
      .leftJoin(emails, ownedBy(emails, 'email'))
      .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
      .where(givenUser)
      .prepare(),
  );

  return {
    async findForLogin(tenantId, identifier, origin, now) {
      const { kind, canonical } = identifier;
      const [row] = await findForLogin().execute({ tenantId, kind, canonical, ...toSlots(origin), now });
      if (row === undefined) return undefined;
      return {
        ...toAccount(row),
        identifier: toIdentifier({ ...row.held, kind, userId: row.users.id }),
        passwordHash: row.passwordHash ?? undefined,
        totalFailures: row.totalFailures ?? 0,
        isKnownAddress: toHistory(row.history).begun > 0,
      };
    },

    async findForSession(tenantId, userId, origin, now) {
      const [row] = await findForSession().execute({ tenantId, userId, ...toSlots(origin), now });
      return row && toAccount(row);
    },

    async findById(tenantId, userId) {
      const [row] = await findById().execute({ tenantId, userId });
      return row === undefined ? undefined : toView(row);
    },
  };
}
