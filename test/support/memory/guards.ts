import type { AttemptCounter, AttemptRepository } from '../../../src/domain/attempt.ts';
import type { BudgetRepository } from '../../../src/domain/budget.ts';
import type { ProofRepository } from '../../../src/domain/dpop.ts';
import type { IdempotencyRepository } from '../../../src/domain/idempotency.ts';
import type { Tables } from './tables.ts';

export function createAttempts({ attempts, credentials }: Tables): AttemptRepository {
  const is =
    (tenantId: string, { kind, subject }: AttemptCounter) =>
    (each: AttemptCounter & { tenantId: string }) =>
      each.tenantId === tenantId && each.kind === kind && each.subject === subject;
  const add = (tenantId: string, counter: AttemptCounter, now: Date) =>
    attempts.insert({
      tenantId,
      ...counter,
      failures: 1,
      wrong: 0,
      nextAttemptAt: undefined,
      attemptedAt: now,
    });
  const clear = { failures: 0, wrong: 0, nextAttemptAt: undefined };
  return {
    async count(tenantId, { kind, free, firstDelayS, maxDelayS, cap }, subject, now, total) {
      if (total !== undefined && !add(tenantId, total, now))
        attempts.update(is(tenantId, total), ({ failures }) => ({
          failures: failures + 1,
          attemptedAt: now,
        }));
      if (add(tenantId, { kind, subject }, now)) return 1;
      const row = attempts.find(is(tenantId, { kind, subject }));
      if (row === undefined) throw new Error('the counter is gone');
      const mayTry = row.failures < cap && (row.nextAttemptAt === undefined || row.nextAttemptAt <= now);
      if (!mayTry) return row.failures > row.wrong ? 'busy' : 'locked';
      const failures = row.failures + 1;
      const delayS = Math.min(maxDelayS, firstDelayS * 2 ** (failures - free));
      const nextAttemptAt = failures < free ? undefined : new Date(now.getTime() + delayS * 1000);
      attempts.update(is(tenantId, { kind, subject }), { failures, nextAttemptAt, attemptedAt: now });
      return failures;
    },
    failures: async (tenantId, counter) => attempts.find(is(tenantId, counter))?.failures ?? 0,
    async countWrong(tenantId, counter) {
      attempts.update(is(tenantId, counter), ({ failures, wrong }) => ({
        wrong: Math.min(failures, wrong + 1),
      }));
    },
    async reset(tenantId, ...counters) {
      for (const counter of counters) attempts.update(is(tenantId, counter), clear);
    },
    async resetForPassword(tenantId, counters, userId, passwordHash) {
      const known = credentials.find((each) => each.tenantId === tenantId && each.userId === userId);
      if (known?.passwordHash !== passwordHash) return false;
      for (const counter of counters) attempts.update(is(tenantId, counter), clear);
      return true;
    },
    async lower(tenantId, kind, subject, failures) {
      attempts.update((each) => is(tenantId, { kind, subject })(each) && each.failures > failures, {
        failures,
        wrong: failures,
      });
    },
    async uncount(tenantId, counter) {
      attempts.update(
        (each) => is(tenantId, counter)(each) && each.failures > 0,
        ({ failures, wrong }) => ({
          failures: failures - 1,
          wrong: Math.min(wrong, failures - 1),
          nextAttemptAt: undefined,
        }),
      );
    },
    async forget(tenantId, subject) {
      attempts.delete((each) => each.tenantId === tenantId && each.subject === subject);
    },
  };
}

export function createBudgets({ budgets }: Tables): BudgetRepository {
  return {
    async charge(tenantId, { name, max, windowMs }, subject, now, amount = 1) {
      if (amount > max) return windowMs;
      const is = (each: { tenantId: string; name: string; subject: Buffer }) =>
        each.tenantId === tenantId && each.name === name && each.subject.equals(subject);
      budgets.insert({ tenantId, name, subject, uses: [] });
      const uses = (budgets.find(is)?.uses ?? []).filter((use) => now.getTime() - use.getTime() < windowMs);
      const [oldest] = uses.slice(uses.length + amount - max - 1);
      if (uses.length + amount > max)
        return Math.max(1, windowMs - (now.getTime() - (oldest ?? now).getTime()));
      budgets.update(is, { uses: [...uses, ...Array.from({ length: amount }, () => now)] });
      return 0;
    },
    async refund({ tenantId, name, subject, uses: given }) {
      budgets.update(
        (each) => each.tenantId === tenantId && each.name === name && each.subject.equals(subject),
        ({ uses }) => {
          const left = given.map(Number);
          const isGiven = (use: Date) =>
            left.includes(Number(use)) && left.splice(left.indexOf(Number(use)), 1);
          return { uses: uses.filter((use) => !isGiven(use)) };
        },
      );
    },
  };
}

export function createIdempotencyClaims({ idempotency }: Tables): IdempotencyRepository {
  const is = (tenantId: string, digest: Buffer) => (each: { tenantId: string; digest: Buffer }) =>
    each.tenantId === tenantId && each.digest.equals(digest);
  return {
    async claim(claim, now) {
      if (idempotency.insert({ ...claim, answer: undefined })) return true;
      return (
        idempotency.update(
          (each) =>
            is(claim.tenantId, claim.digest)(each) &&
            (each.expiresAt <= now || (each.answer === undefined && each.leaseUntil <= now)),
          { ...claim, answer: undefined },
        ) === 1
      );
    },
    find: async (tenantId, digest) => idempotency.find(is(tenantId, digest)),
    complete: async ({ tenantId, digest, leaseUntil }, answer) =>
      idempotency.update(
        (each) => is(tenantId, digest)(each) && each.leaseUntil.getTime() === leaseUntil.getTime(),
        { answer },
      ) === 1,
    async release({ tenantId, digest, leaseUntil }) {
      idempotency.delete(
        (each) =>
          is(tenantId, digest)(each) &&
          each.leaseUntil.getTime() === leaseUntil.getTime() &&
          each.answer === undefined,
      );
    },
  };
}

export function createProofs({ proofs }: Tables): ProofRepository {
  return {
    spend: async (tenantId, { id, expiresAt }) => proofs.insert({ tenantId, id, expiresAt }),
    isSpent: async (tenantId, id) =>
      proofs.find((each) => each.tenantId === tenantId && each.id === id) !== undefined,
  };
}
