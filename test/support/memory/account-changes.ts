import type { AccountChange, AccountChangeRepository } from '../../../src/domain/account-change.ts';
import type { FactorReset, FactorResetRepository } from '../../../src/domain/factor-reset.ts';
import type { User } from '../../../src/domain/user.ts';
import { byId } from './table.ts';
import type { Tables } from './tables.ts';

export function createAccountChanges({ accountChanges, users }: Tables): AccountChangeRepository {
  const ofUser = (tenantId: string, userId: string) => (each: AccountChange) =>
    each.tenantId === tenantId && each.userId === userId;
  const isUser = (tenantId: string, userId: string) => (each: User) =>
    each.tenantId === tenantId && each.id === userId;
  const extend: AccountChangeRepository['extend'] = async (tenantId, userId, { now, until }) => {
    accountChanges.update(
      (each) => ofUser(tenantId, userId)(each) && each.expiresAt > now && each.expiresAt < until,
      { expiresAt: until },
    );
  };
  return {
    async add(change) {
      accountChanges.insert(change);
    },
    extend,
    async settle(tenantId, userId, { ageMs, until }) {
      for (const change of accountChanges.all(ofUser(tenantId, userId))) {
        const end = Math.max(change.changedAt.getTime() + ageMs, until.getTime());
        const expiresAt = new Date(Math.min(change.expiresAt.getTime(), end));
        accountChanges.update(({ id }) => id === change.id, { isProvable: true, expiresAt });
      }
    },
    list: async (tenantId, userId, now) =>
      accountChanges.all((each) => ofUser(tenantId, userId)(each) && each.expiresAt > now).sort(byId),
    async freeze(tenantId, userId, { now, until, since }) {
      const frozen = users.update(
        (each) =>
          isUser(tenantId, userId)(each) && (each.frozenUntil === undefined || each.frozenUntil <= since),
        { frozenUntil: until },
      );
      if (frozen === 0) return false;
      await extend(tenantId, userId, { now, until });
      return true;
    },
    async thaw(tenantId, userId, now) {
      users.update(
        (each) => isUser(tenantId, userId)(each) && each.frozenUntil !== undefined && each.frozenUntil > now,
        { frozenUntil: now },
      );
    },
    async forget(tenantId, userId, kind) {
      accountChanges.delete(
        (each) => ofUser(tenantId, userId)(each) && (kind === undefined || each.former.kind === kind),
      );
    },
  };
}

export function createFactorResets({ factorResets }: Tables): FactorResetRepository {
  const ofUser = (tenantId: string, userId: string) => (each: FactorReset) =>
    each.tenantId === tenantId && each.userId === userId;
  const find = (tenantId: string, userId: string, now: Date) =>
    factorResets.find((each) => ofUser(tenantId, userId)(each) && each.expiresAt > now);
  return {
    async request(reset) {
      const { tenantId, userId, requestedAt } = reset;
      factorResets.delete((each) => ofUser(tenantId, userId)(each) && each.expiresAt <= requestedAt);
      factorResets.insert(reset);
      return find(tenantId, userId, requestedAt) ?? reset;
    },
    find: async (tenantId, userId, now) => find(tenantId, userId, now),
    take: async ({ tenantId, userId, requestedAt }, now) =>
      factorResets.delete(
        (each) =>
          ofUser(tenantId, userId)(each) &&
          each.requestedAt.getTime() === requestedAt.getTime() &&
          each.readyAt <= now,
      ) === 1,
    end: async (tenantId, userId, now) =>
      factorResets.delete((each) => ofUser(tenantId, userId)(each) && each.expiresAt > now) === 1,
  };
}
