import { and, count, eq, gt, isNull, ne, type SQL, sql } from 'drizzle-orm';
import type { DeviceHistory, SignInOrigin } from '../domain/device.ts';
import type { SessionAccount, UserRepository } from '../domain/user.ts';
import { type EnrolledRow, enrolledColumns, toEnrolled } from './authenticators.ts';
import type { Database } from './database.ts';
import { once, slot } from './prepared.ts';
import { attemptCounters } from './tables/limits.ts';
import { sessions } from './tables/sessions.ts';
import { credentials, identifiers, users } from './tables/users.ts';
import {
  emails,
  hasCredentials,
  isIdentifier,
  mobiles,
  ownedBy,
  toIdentifier,
  toView,
  type ViewRow,
} from './user-view.ts';

type AccountRow = ViewRow &
  EnrolledRow & { readonly live: number } & { readonly [Name in keyof DeviceHistory]: number };

function toAccount(row: AccountRow): SessionAccount {
  return {
    ...toView(row),
    enrolled: toEnrolled(row),
    liveSessions: Number(row.live),
    devices: { sessions: Number(row.sessions), known: Number(row.known), same: Number(row.same) },
  };
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
  /** The number of a user's sessions that meet the conditions. */
  const countSessions = (...conditions: SQL[]) =>
    db
      .select({ count: count() })
      .from(sessions)
      .where(and(eq(sessions.tenantId, users.tenantId), eq(sessions.userId, users.id), ...conditions));

  /** The columns of the session gate, beside the joins of emails and mobiles. */
  const accountColumns = () => {
    const live = countSessions(
      isNull(sessions.revokedAt),
      gt(sessions.expiresAt, slot('now', sessions.expiresAt)),
    );
    const known = ne(sessions.device, sql.param('', sessions.device));
    const isSame = sql`(${sessions.device} = ${slot('device', sessions.device)} OR ${sessions.jkt} = ${slot('jkt', sessions.jkt)})`;
    return {
      users,
      emails,
      mobiles,
      ...enrolledColumns,
      live: sql<number>`(${live})`.as('live'),
      sessions: sql<number>`(${countSessions()})`.as('all_sessions'),
      known: sql<number>`(${countSessions(known)})`.as('known_devices'),
      same: sql<number>`(${countSessions(isSame)})`.as('same_device'),
    };
  };
  const givenUser = and(
    eq(users.tenantId, slot('tenantId', users.tenantId)),
    eq(users.id, slot('userId', users.id)),
  );

  const findForLogin = once(() => {
    const begun = countSessions(
      eq(sessions.address, slot('address', sessions.address)),
      // All callers of unknown address share the empty one.
      ne(sessions.address, sql.param('', sessions.address)),
    );
    const isOfUser = and(
      eq(attemptCounters.tenantId, users.tenantId),
      eq(attemptCounters.kind, sql.param('password-total', attemptCounters.kind)),
      eq(attemptCounters.subject, users.id),
    );
    return prepared
      .select({
        identifiers,
        credentials,
        totalFailures: attemptCounters.failures,
        begun: sql<number>`(${begun})`.as('begun'),
        ...accountColumns(),
      })
      .from(identifiers)
      .innerJoin(users, and(eq(users.tenantId, identifiers.tenantId), eq(users.id, identifiers.userId)))
      .leftJoin(credentials, hasCredentials)
      .leftJoin(emails, ownedBy(emails, 'email'))
      .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
      .leftJoin(attemptCounters, isOfUser)
      .where(
        isIdentifier(slot('tenantId', identifiers.tenantId), {
          kind: slot('kind', identifiers.kind),
          canonical: slot('canonical', identifiers.canonical),
        }),
      )
      .prepare();
  });

  const findForSession = once(() =>
    prepared
      .select(accountColumns())
      .from(users)
      .leftJoin(emails, ownedBy(emails, 'email'))
      .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
      .where(givenUser)
      .prepare(),
  );

  const findById = once(() =>
    prepared
      .select()
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
        identifier: toIdentifier(row.identifiers),
        passwordHash: row.credentials?.passwordHash,
        totalFailures: row.totalFailures ?? 0,
        isKnownAddress: Number(row.begun) > 0,
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
