import { and, type Column, eq, gt, isNull, ne, or, sql } from 'drizzle-orm';
import type { OriginHistory, SignInOrigin } from '../domain/device.ts';
import { maxSessions } from '../domain/session.ts';
import { bytesToUuid } from '../domain/token.ts';
import type { SessionAccount, UserRepository } from '../domain/user.ts';
import { type EnrolledRow, enrolledColumns, toEnrolled } from './authenticators.ts';
import type { Database } from './database.ts';
import { once, slot } from './prepared.ts';
import { isLive, isOwn, latestOf } from './session-conditions.ts';
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

type AccountRow = ViewRow & EnrolledRow & { readonly open: string };

/** Reads the text of `toldBy`. */
function toHistory(text: string): OriginHistory {
  const [hasSessions, hasDevices, isKnownDevice, isKnownAddress] = text
    .split(' ')
    .map((count) => count !== '0') as [boolean, boolean, boolean, boolean];
  return { hasSessions, hasDevices, isKnownDevice, isKnownAddress };
}

function toAccount(row: AccountRow): SessionAccount {
  const [unexpired, , , , live, oldest = ''] = row.open.split(' ');
  const liveSessions = Number(unexpired);
  // Those whose idle time is over take another look, which marks them.
  const isAll = Number(live) === liveSessions && liveSessions === maxSessions;
  const oldestSession = isAll ? bytesToUuid(Buffer.from(oldest, 'hex')) : undefined;
  const history = toHistory(row.open);
  return { ...toView(row), enrolled: toEnrolled(row), liveSessions, oldestSession, history };
}

/** The values of a statement that looks for the device of a sign-in. */
function toSlots({ jkt, ...origin }: SignInOrigin) {
  return { ...origin, jkt: Buffer.from(jkt, 'base64url') };
}

/** What sign-ins and calls read of a user, in prepared statements. */
export function createAccountFinders(
  db: Database,
  prepared: Database,
): Pick<UserRepository, 'findForLogin' | 'findForSession' | 'findHistory' | 'findById'> {
  const now = slot('now', sessions.expiresAt);

  /**
   * Counts over some sessions, as one text, so that each row is read once: all of them, those whose device is known, those
   * on the device of the sign-in, and those from its address.
   */
  const toldBy = ({ device, jkt, address }: Readonly<Record<'device' | 'jkt' | 'address', Column>>) => {
    const isKnown = ne(device, sql.param('', sessions.device));
    const isSame = or(eq(device, slot('device', sessions.device)), eq(jkt, slot('jkt', sessions.jkt)));
    // All callers of unknown address share the empty one.
    const isFromAddress = and(
      eq(address, slot('address', sessions.address)),
      ne(address, sql.param('', sessions.address)),
    );
    const sums = [sql`1`, isKnown, isSame, isFromAddress].map(
      (condition) => sql`COALESCE(SUM(${condition}), 0)`,
    );
    return sql`CONCAT_WS(' ', ${sql.join(sums, sql`, `)})`;
  };

  const liveId = sql`IF(${isLive(now)}, ${sessions.id}, NULL)`;
  /** The same of the sessions that neither were ended nor have expired, then how many of them are live, and the id of the oldest. */
  const open = db
    .select({ open: sql`CONCAT_WS(' ', ${toldBy(sessions)}, COUNT(${liveId}), HEX(MIN(${liveId})))` })
    .from(sessions, { forceIndex: 'sessions_live' })
    .where(
      and(
        eq(sessions.tenantId, slot('tenantId', sessions.tenantId)),
        eq(sessions.userId, users.id),
        isNull(sessions.revokedAt),
        gt(sessions.expiresAt, now),
        isOwn,
      ),
    );

  /** The columns of the session gate, beside the joins of emails and mobiles. */
  const accountColumns = { ...viewColumns, ...enrolledColumns, open: sql<string>`(${open})`.as('open') };
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
    return prepared
      .select({
        held: heldColumns(identifiers),
        passwordHash: credentials.passwordHash,
        totalFailures: attemptCounters.failures,
        ...accountColumns,
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
      .select(accountColumns)
      .from(users)
      .leftJoin(emails, ownedBy(emails, 'email'))
      .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
      .where(givenUser)
      .prepare(),
  );

  const findLatest = once(() => {
    const latest = latestOf(db, slot('tenantId', sessions.tenantId), slot('userId', sessions.userId));
    return prepared
      .select({ told: sql<string>`${toldBy(latest)}` })
      .from(latest)
      .prepare();
  });

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
      };
    },

    async findForSession(tenantId, userId, origin, now) {
      const [row] = await findForSession().execute({ tenantId, userId, ...toSlots(origin), now });
      return row && toAccount(row);
    },

    async findHistory(tenantId, userId, origin) {
      const [row] = await findLatest().execute({ tenantId, userId, ...toSlots(origin) });
      return toHistory(row?.told ?? '0 0 0 0');
    },

    async findById(tenantId, userId) {
      const [row] = await findById().execute({ tenantId, userId });
      return row === undefined ? undefined : toView(row);
    },
  };
}
