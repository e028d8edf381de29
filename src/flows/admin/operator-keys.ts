import type { AdminKey } from '../../domain/admin-key.ts';
import { formatApiKey } from '../../domain/api-key.ts';
import type { Manager } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { isUuid, sha256 } from '../../domain/token.ts';
import { record } from '../events/record.ts';
import type { MadeKey } from '../manage/keys.ts';
import { asActor } from '../manage/manager.ts';

export type OperatorKeyDeps = {
  readonly store: Store<'adminKeys' | 'events'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** Makes and revokes the keys of operators. */
export function createOperatorKeys({ store, clock, random }: OperatorKeyDeps) {
  const deps = { clock, random };
  return {
    async create(manager: Manager, command: { readonly name: string }): Promise<MadeKey<AdminKey>> {
      const name = command.name.trim();
      if (name === '') throw invalid({ field: 'name', reason: 'FIELD_REQUIRED' });
      if ([...name].length > 100) throw invalid({ field: 'name', reason: 'FIELD_TOO_LONG' });
      const text = formatApiKey('admin', random.bytes(32));
      const key = { id: random.uuid(), name, createdAt: clock(), revokedAt: undefined };
      await store.transaction(async (repositories) => {
        await repositories.adminKeys.insert({ ...key, digest: sha256(text) });
        const event = { type: 'operator_key.created', details: { key: key.id } } as const;
        await record(repositories, deps, asActor(manager), event);
      });
      return { key, text };
    },

    list: () => store.adminKeys.list(),

    async revoke(manager: Manager, keyId: string): Promise<void> {
      if (!isUuid(keyId)) throw new DomainError('NOT_FOUND');
      await store.transaction(async (repositories) => {
        if (!(await repositories.adminKeys.revoke(keyId, clock()))) throw new DomainError('NOT_FOUND');
        const event = { type: 'operator_key.revoked', details: { key: keyId } } as const;
        await record(repositories, deps, asActor(manager), event);
      });
    },
  };
}
