import { and, eq, gt, inArray, isNull, lt, lte, ne, notExists, or } from 'drizzle-orm';
import { refusedPosition } from '../domain/event-log.ts';
import type { LeaseRepository } from '../domain/lease.ts';
import type { RetentionRepository } from '../domain/retention.ts';
import { uuidOfTime } from '../domain/token.ts';
import type { Database } from './database.ts';
import { applicationGrants, deviceAuthorizations } from './tables/applications.ts';
import { factorResets } from './tables/authenticators.ts';
import { challenges } from './tables/challenges.ts';
import { trustedDevices } from './tables/devices.ts';
import { events } from './tables/events.ts';
import { loginRequests } from './tables/federation.ts';
import { attemptCounters, budgets, idempotency, leases, spentProofs } from './tables/limits.ts';
import { invitations, userJobs } from './tables/members.ts';
import { outbox, smsBackoffs, smsCounters } from './tables/messages.ts';
import { sessions } from './tables/sessions.ts';
import { accountChanges, users } from './tables/users.ts';
import { webhookAttempts, webhookDeliveries } from './tables/webhooks.ts';

export function createLeaseRepository(db: Database): LeaseRepository {
  return {
    async take(name, holder, now, until) {
      const [inserted] = await db.insert(leases).ignore().values({ name, holder, until });
      if (inserted.affectedRows === 1) return true;
      const [taken] = await db
        .update(leases)
        .set({ holder, until })
        .where(and(eq(leases.name, name), or(eq(leases.holder, holder), lte(leases.until, now))));
      return taken.affectedRows === 1;
    },
  };
}

export function createRetentionRepository(db: Database): RetentionRepository {
  const freshChallengesOfUser = (since: Date) =>
    db
      .select({ id: challenges.id })
      .from(challenges)
      .where(
        and(
          eq(challenges.tenantId, users.tenantId),
          eq(challenges.userId, users.id),
          gt(challenges.expiresAt, since),
        ),
      );

  return {
    async purge(what, tenantId, before, limit) {
      const rules = {
        challenges: [challenges, lt(challenges.expiresAt, before)],
        sessions: [sessions, lt(sessions.expiresAt, before)],
        idempotency: [idempotency, lt(idempotency.expiresAt, before)],
        factorResets: [factorResets, lt(factorResets.expiresAt, before)],
        accountChanges: [accountChanges, lt(accountChanges.expiresAt, before)],
        trustedDevices: [trustedDevices, lt(trustedDevices.expiresAt, before)],
        proofs: [spentProofs, lt(spentProofs.expiresAt, before)],
        loginRequests: [loginRequests, lt(loginRequests.expiresAt, before)],
        grants: [applicationGrants, lt(applicationGrants.expiresAt, before)],
        devices: [deviceAuthorizations, lt(deviceAuthorizations.expiresAt, before)],
        budgets: [budgets, lt(budgets.windowStart, before)],
        // Of those who got in; others still count.
        attempts: [attemptCounters, eq(attemptCounters.failures, 0)],
        oldAttempts: [attemptCounters, lt(attemptCounters.attemptedAt, before)],
        smsBackoffs: [smsBackoffs, lt(smsBackoffs.nextAt, before)],
        smsCounters: [smsCounters, lt(smsCounters.hour, before)],
        // Rows outside of the log: those of before there was one, and those that were set aside. The others end by position.
        events: [
          events,
          and(lt(events.id, uuidOfTime(before)), inArray(events.position, [0, refusedPosition])),
        ],
        outbox: [
          outbox,
          and(
            lt(outbox.id, uuidOfTime(before)),
            inArray(outbox.status, ['sent', 'dropped', 'dead', 'decoy']),
          ),
        ],
        webhookDeliveries: [webhookDeliveries, lt(webhookDeliveries.id, uuidOfTime(before))],
        webhookAttempts: [webhookAttempts, lt(webhookAttempts.id, uuidOfTime(before))],
        userJobs: [userJobs, and(ne(userJobs.state, 'running'), lt(userJobs.createdAt, before))],
        invitations: [invitations, lt(invitations.expiresAt, before)],
        // Unproved registrations that have no fresh confirmation; what a back end made stays.
        unproved: [
          users,
          and(
            isNull(users.confirmedAt),
            eq(users.origin, 'self'),
            lt(users.createdAt, before),
            notExists(freshChallengesOfUser(before)),
          ),
        ],
      } as const;
      const [table, isOver] = rules[what];
      const [result] = await db
        .delete(table)
        .where(and(eq(table.tenantId, tenantId), isOver))
        .limit(limit);
      return result.affectedRows;
    },
  };
}
