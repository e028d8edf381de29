import { invalid } from '../../domain/errors.ts';
import { type Event, isEventType } from '../../domain/events.ts';
import type { Store } from '../../domain/repositories.ts';
import { isUuid } from '../../domain/token.ts';
import { deploymentId, findTenant } from '../manage/manager.ts';

export type AuditLogDeps = { readonly store: Store<'events' | 'eventLogs' | 'tenants'> };

export type AuditQuery = {
  /** A tenant, or `deployment` for what concerns none. */
  readonly tenant: string;
  readonly userId: string;
  readonly type: string;
  readonly outcome: string;
  readonly afterEventId: string;
  readonly limit: number;
  /** After a position in the log; negative: that many from the end; undefined: by time. */
  readonly afterPosition?: number | undefined;
};

/** `position`: where to go on, of a query by position. */
export type AuditPage = { readonly events: Event[]; readonly position: number };

const defaultLimit = 100;

/** Reads the audit log for operators, the newest events first. */
export function createAuditLog({ store }: AuditLogDeps) {
  /** The oldest events after a position that match, the newest of them first. */
  async function follow(tenantId: string, query: AuditQuery, wanted: number): Promise<AuditPage> {
    const { userId, type, outcome } = query;
    if (!Number.isSafeInteger(wanted)) throw invalid({ field: 'after_position', reason: 'FIELD_INVALID' });
    const [log] = await store.eventLogs.findCurrent([tenantId]);
    const size = log?.size ?? 0;
    const after = wanted < 0 ? Math.max(0, size + wanted) : wanted;
    const rows = await store.eventLogs.read(
      tenantId,
      after,
      size,
      query.limit === 0 ? defaultLimit : query.limit,
    );
    const events = rows.filter(
      (event) =>
        (userId === '' || event.userId === userId) &&
        (type === '' || event.type === type) &&
        (outcome === '' || event.outcome === outcome),
    );
    return { events: events.reverse(), position: rows.at(-1)?.position ?? after };
  }

  return async function listAuditEvents(query: AuditQuery): Promise<AuditPage> {
    const { userId, type, outcome, afterEventId } = query;
    for (const [field, id] of [
      ['user_id', userId],
      ['after_event_id', afterEventId],
    ] as const)
      if (id !== '' && !isUuid(id)) throw invalid({ field, reason: 'FIELD_INVALID' });
    // A misspelt type would match nothing, and look like an empty log.
    if (type !== '' && !isEventType(type))
      throw invalid({ field: 'action', reason: 'FIELD_INVALID', description: 'is no type of event' });
    if (!['', 'success', 'failure'].includes(outcome))
      throw invalid({ field: 'outcome', reason: 'FIELD_INVALID', description: 'must be success or failure' });
    const tenantId =
      query.tenant === 'deployment' ? deploymentId : (await findTenant(store, query.tenant)).id;
    if (query.afterPosition !== undefined) return await follow(tenantId, query, query.afterPosition);
    const events = await store.events.list(
      {
        tenantId,
        ...(userId === '' ? {} : { userId }),
        ...(type === '' ? {} : { type }),
        ...(outcome === '' ? {} : { outcome }),
        ...(afterEventId === '' ? {} : { afterId: afterEventId }),
      },
      query.limit === 0 ? defaultLimit : query.limit,
    );
    return { events, position: 0 };
  };
}
