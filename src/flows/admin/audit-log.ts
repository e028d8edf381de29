import { invalid } from '../../domain/errors.ts';
import type { AuditEvent } from '../../domain/events.ts';
import type { Store } from '../../domain/repositories.ts';
import { isUuid } from '../../domain/token.ts';
import { deploymentId, findTenant } from './operator.ts';

export type AuditLogDeps = { readonly store: Store<'audit' | 'tenants'> };

export type AuditQuery = {
  /** A tenant, or `deployment` for what concerns none. */
  readonly tenant: string;
  readonly userId: string;
  readonly action: string;
  readonly outcome: string;
  readonly afterEventId: string;
  readonly limit: number;
};

const defaultLimit = 100;
const maxLimit = 10_000;

/** Reads the audit log for operators, the newest events first. */
export function createAuditLog({ store }: AuditLogDeps) {
  return async function listAuditEvents(query: AuditQuery): Promise<AuditEvent[]> {
    const { userId, action, outcome, afterEventId } = query;
    if (query.limit < 0 || query.limit > maxLimit) throw invalid({ field: 'limit', reason: 'FIELD_INVALID' });
    for (const [field, id] of [
      ['user_id', userId],
      ['after_event_id', afterEventId],
    ] as const)
      if (id !== '' && !isUuid(id)) throw invalid({ field, reason: 'FIELD_INVALID' });
    const tenantId =
      query.tenant === 'deployment' ? deploymentId : (await findTenant(store, query.tenant)).id;
    return await store.audit.list(
      {
        tenantId,
        ...(userId === '' ? {} : { userId }),
        ...(action === '' ? {} : { action }),
        ...(outcome === '' ? {} : { outcome }),
        ...(afterEventId === '' ? {} : { afterId: afterEventId }),
      },
      query.limit === 0 ? defaultLimit : query.limit,
    );
  };
}
