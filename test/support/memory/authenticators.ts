import {
  type Authenticator,
  type AuthenticatorRepository,
  inOrder,
} from '../../../src/domain/authenticator.ts';
import type { RecoveryCodeRepository } from '../../../src/domain/recovery-code.ts';
import { DuplicateError } from '../../../src/domain/repositories.ts';
import { byId } from './table.ts';
import type { Tables } from './tables.ts';

export function enrolledOf({ authenticators, users }: Tables, tenantId: string, userId: string) {
  const own = authenticators.all((each) => each.tenantId === tenantId && each.userId === userId);
  const sms = own.find(({ kind }) => kind === 'sms');
  return {
    kinds: inOrder(own.map(({ kind }) => kind)),
    smsNumber: sms?.data.toString(),
    isPasskeyOnly:
      users.find((each) => each.tenantId === tenantId && each.id === userId)?.passkeyOnly ?? false,
  };
}

export function createAuthenticators(tables: Tables): AuthenticatorRepository {
  const { authenticators } = tables;
  const inSlot = (tenantId: string, userId: string, slot: string) => (each: Authenticator) =>
    each.tenantId === tenantId && each.userId === userId && each.slot === slot;
  return {
    findEnrolled: async (tenantId, userId) => enrolledOf(tables, tenantId, userId),
    findForUpdate: async (tenantId, userId) => enrolledOf(tables, tenantId, userId),
    findInSlot: async (tenantId, userId, slot) => authenticators.find(inSlot(tenantId, userId, slot)),
    list: async (tenantId, userId) =>
      authenticators.all((each) => each.tenantId === tenantId && each.userId === userId).sort(byId),
    async insert(authenticator) {
      const { tenantId, userId, slot, lookup } = authenticator;
      const isTaken =
        authenticators.find(inSlot(tenantId, userId, slot)) !== undefined ||
        (lookup !== undefined &&
          authenticators.find(
            (each) => each.tenantId === tenantId && each.lookup?.equals(lookup) === true,
          ) !== undefined);
      if (isTaken || !authenticators.insert(authenticator)) throw new DuplicateError();
    },
    findByLookup: async (tenantId, lookup) =>
      authenticators.find((each) => each.tenantId === tenantId && each.lookup?.equals(lookup) === true),
    usePasskey: async (tenantId, id, { counter, flags, now }) =>
      authenticators.update(
        (each) =>
          each.tenantId === tenantId &&
          each.id === id &&
          (each.counter < counter || (each.counter === 0 && counter === 0)),
        { counter, flags, lastUsedAt: now },
      ) === 1,
    rename: async (tenantId, userId, id, label) =>
      authenticators.update(
        (each) => each.tenantId === tenantId && each.userId === userId && each.id === id,
        { label },
      ) === 1,
    raiseCounter: async (tenantId, id, counter, now) =>
      authenticators.update(
        (each) => each.tenantId === tenantId && each.id === id && each.counter < counter,
        {
          counter,
          lastUsedAt: now,
        },
      ) === 1,
    remove: async (tenantId, userId, slot) => authenticators.delete(inSlot(tenantId, userId, slot)) === 1,
    async removeAll(tenantId, userId) {
      authenticators.delete((each) => each.tenantId === tenantId && each.userId === userId);
    },
  };
}

export function createRecoveryCodes({ recoveryCodes }: Tables): RecoveryCodeRepository {
  type Code = {
    readonly tenantId: string;
    readonly userId: string;
    readonly foreign: boolean;
    readonly code: string;
  };
  const ofUser = (tenantId: string, userId: string) => (each: Code) =>
    each.tenantId === tenantId && each.userId === userId;
  const use = (tenantId: string, userId: string, foreign: boolean, code: string) =>
    recoveryCodes.delete(
      (each) => ofUser(tenantId, userId)(each) && each.foreign === foreign && each.code === code,
    ) === 1;
  return {
    count: async (tenantId, userId) => recoveryCodes.all(ofUser(tenantId, userId)).length,
    async replace(tenantId, userId, digests) {
      recoveryCodes.delete(ofUser(tenantId, userId));
      for (const digest of digests)
        recoveryCodes.insert({ tenantId, userId, foreign: false, code: digest.toString('hex') });
    },
    use: async (tenantId, userId, digest) => use(tenantId, userId, false, digest.toString('hex')),
    listForeign: async (tenantId, userId) =>
      recoveryCodes.all((each) => ofUser(tenantId, userId)(each) && each.foreign).map(({ code }) => code),
    async insertForeign(tenantId, userId, hashes) {
      for (const code of hashes) recoveryCodes.insert({ tenantId, userId, foreign: true, code });
    },
    useForeign: async (tenantId, userId, hash) => use(tenantId, userId, true, hash),
  };
}
