import type { Operator } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import {
  type ApplicationKeyRow,
  applicationRetirementMs,
  type DataKeyResealer,
  publishedKeys,
  type SigningKeyMaker,
  type SigningKeyRow,
  type SigningKeyState,
  stateOf,
} from '../../domain/signing-key.ts';
import { record } from '../events/record.ts';
import { asActor } from '../manage/manager.ts';

export type DeploymentDeps = {
  readonly store: Store<'keys' | 'events'>;
  readonly makeSigningKey: SigningKeyMaker;
  /** Makes the keys of applications, one of every algorithm. */
  readonly makeApplicationKeys: (activatesAt: Date) => Promise<ApplicationKeyRow[]>;
  /** Undefined where no next master key is configured. */
  readonly resealDataKey: DataKeyResealer | undefined;
  readonly clock: Clock;
  readonly random: Random;
};

/** A signing key with what it is valid for now. */
export type SigningKeyView = Pick<SigningKeyRow, 'id' | 'createdAt' | 'activatesAt'> & {
  readonly state: SigningKeyState;
};

/** Longer than any instance (seconds) and any reader of the JWKS (a minute) remembers the old set. */
const defaultLeadMs = 120_000;
/** Longer than an instance takes to read the keys again. */
const minLeadMs = 10_000;
const maxLeadMs = dayMs;

/** The keys that nothing is verified with any more. */
function endedKeys<K extends SigningKeyRow>(keys: readonly K[], now: Date, isAll: boolean): K[] {
  const live = isAll ? [] : publishedKeys(keys, now, applicationRetirementMs);
  return keys.filter((key) => !live.includes(key));
}

/** Rotates what the deployment signs and seals with (R13). */
export function createDeployment(deps: DeploymentDeps) {
  const { store, makeSigningKey, makeApplicationKeys, resealDataKey, clock } = deps;
  const view = (keys: readonly SigningKeyRow[], key: SigningKeyRow): SigningKeyView => {
    const { id, createdAt, activatesAt } = key;
    return { id, createdAt, activatesAt, state: stateOf(keys, key, clock()) };
  };

  return {
    async listSigningKeys(): Promise<SigningKeyView[]> {
      const keys = await store.keys.listSigningKeys();
      return keys.map((key) => view(keys, key));
    },

    async rotateSigningKey(
      operator: Operator,
      command: { readonly leadMs: number | undefined; readonly revokeOthers: boolean },
    ): Promise<SigningKeyView> {
      const leadMs = command.leadMs ?? (command.revokeOthers ? 0 : defaultLeadMs);
      const isWrong = command.revokeOthers ? leadMs !== 0 : leadMs < minLeadMs || leadMs > maxLeadMs;
      if (isWrong) throw invalid({ field: 'lead_time', reason: 'LEAD_TIME_INVALID' });
      const now = clock();
      const activatesAt = new Date(now.getTime() + leadMs);
      const made = await makeSigningKey(activatesAt);
      const ofApplications = await makeApplicationKeys(activatesAt);
      return await store.transaction(async (repositories) => {
        const { keys } = repositories;
        const before = await keys.listSigningKeys();
        const isOver = endedKeys(before, now, command.revokeOthers);
        await keys.insertSigningKey(made);
        await keys.deleteSigningKeys(isOver.map(({ id }) => id));
        const known = await keys.listApplicationKeys();
        for (const key of ofApplications) {
          const family = known.filter(({ algorithm }) => algorithm === key.algorithm);
          await keys.insertApplicationKey(key);
          await keys.deleteApplicationKeys(endedKeys(family, now, command.revokeOthers).map(({ id }) => id));
        }
        const details = { othersRevoked: command.revokeOthers };
        await record(repositories, deps, asActor(operator), { type: 'signing_key.rotated', details });
        return view([...before.filter((key) => !isOver.includes(key)), made], made);
      });
    },

    /** Seals every data key with the next master key, all of them or none; returns their number. */
    async rotateMasterKey(operator: Operator): Promise<number> {
      if (resealDataKey === undefined) throw new DomainError('NEXT_MASTER_KEY_MISSING');
      return await store.transaction(async (repositories) => {
        const { keys } = repositories;
        let resealed = 0;
        for (const key of await keys.listDataKeys()) {
          const sealed = resealDataKey(key);
          if (sealed === undefined) continue;
          if (!(await keys.resealDataKey(key.id, key.sealed, sealed)))
            throw new DomainError('CONFLICT', { retryAfterMs: 1000 });
          resealed += 1;
        }
        const event = { type: 'master_key.rotated', details: { count: resealed } } as const;
        await record(repositories, deps, asActor(operator), event);
        return resealed;
      });
    },
  };
}
