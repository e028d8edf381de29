import { invalid } from '../../domain/errors.ts';
import type { Event } from '../../domain/events.ts';
import type { Store } from '../../domain/repositories.ts';
import { isUuid } from '../../domain/token.ts';
import { deploymentId, findTenant } from './operator.ts';

export type AuditLogDeps = { readonly store: Store<'events' | 'tenants'> };

export type AuditQuery = {
  /** A tenant, or `deployment` for what concerns none. */
  readonly tenant: string;
  readonly userId: string;
  readonly type: string;
  readonly outcome: string;
  readonly afterEventId: string;
  readonly limit: number;
};

const defaultLimit = 100;

/** Reads the audit log for operators, the newest events first. */
export function createAuditLog({ store }: AuditLogDeps) {
  return async function listAuditEvents(query: AuditQuery): Promise<Event[]> {
    const { userId, type, outcome, afterEventId } = query;
    for (const [field, id] of [
      ['user_id', userId],
      ['after_event_id', afterEventId],
    ] as const)
      if (id !== '' && !isUuid(id)) throw invalid({ field, reason: 'FIELD_INVALID' });
    const tenantId =
      query.tenant === 'deployment' ? deploymentId : (await findTenant(store, query.tenant)).id;
    return await store.events.list(
      {
        tenantId,
        ...(userId === '' ? {} : { userId }),
        ...(type === '' ? {} : { type }),
        ...(outcome === '' ? {} : { outcome }),
        ...(afterEventId === '' ? {} : { afterId: afterEventId }),
      },
      query.limit === 0 ? defaultLimit : query.limit,
    );
  };
}
