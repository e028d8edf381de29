import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { saltBytes } from '../../domain/event-log.ts';
import {
  type DetailsOf,
  type EventType,
  eventCatalogue,
  type FailureType,
  type SaltedEvent,
} from '../../domain/events.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';

export type RecordDeps = { readonly clock: Clock; readonly random: Random };

/** The actor of an event: a caller of the public services, or an operator who works on a tenant. */
export type Actor = Pick<Caller, 'requestId' | 'client'> & {
  readonly tenant: Pick<Caller['tenant'], 'id'>;
  readonly key: { readonly id: string } | undefined;
  readonly session?: Caller['session'];
  readonly pending?: Caller['pending'];
  readonly member?: Caller['member'];
  /** The events that the called method declares; undefined: there is no method, such as in a job. */
  readonly emits?: Caller['emits'];
};

/** The service itself as an actor: no one calls, such as in a job. */
export function serviceActor(tenantId: string): Actor {
  return { tenant: { id: tenantId }, key: undefined, requestId: '', client: { address: '', userAgent: '' } };
}

/** An event as a flow reports it. The user and the session are the caller's unless they are named; empty: none. */
export type Recorded<T extends EventType> = {
  readonly type: T;
  readonly userId?: string | undefined;
  readonly sessionId?: string | undefined;
} & (DetailsOf<T> extends undefined ? { readonly details?: undefined } : { readonly details: DetailsOf<T> });

/** The event that a flow reports, with its actor. */
function eventOf<T extends EventType>(
  { clock, random }: RecordDeps,
  actor: Actor,
  { type, userId, sessionId, details }: Recorded<T>,
  reason: DomainError['reason'] | '' = '',
): SaltedEvent {
  if (actor.emits?.has(type) === false)
    throw new DomainError('INTERNAL', { cause: new Error(`the method does not declare to emit ${type}`) });
  const memberId = actor.member?.userId ?? actor.session?.actorId;
  const event = {
    id: random.uuid(),
    tenantId: actor.tenant.id,
    type,
    outcome: eventCatalogue[type].outcome,
    reason,
    // Which of the tenant's people did it: an id of Manam, as `keyId` is one of a key.
    details: { ...details, ...(memberId !== undefined && { member: memberId }) },
    userId: (userId ?? actor.session?.userId ?? actor.pending?.userId) || undefined,
    sessionId: (sessionId ?? actor.session?.id) || undefined,
    keyId: actor.key?.id,
    address: actor.client.address,
    requestId: actor.requestId,
    createdAt: clock(),
  };
  return { event, salt: random.bytes(saltBytes) };
}

/** An event of any type, with the details of that type. */
type AnyRecorded = { [T in EventType]: Recorded<T> }[EventType];

/**
 * Records an event in the transaction of the change that it is about. Throws INTERNAL where the
 * called method does not declare the type in `emits`.
 */
export async function record<T extends EventType>(
  { events }: Pick<Repositories, 'events'>,
  deps: RecordDeps,
  actor: Actor,
  recorded: Recorded<T>,
  reason: DomainError['reason'] | '' = '',
): Promise<void> {
  await events.add(eventOf(deps, actor, recorded, reason));
}

/** Records events of one change together: it costs less than one after another. */
export async function recordAll(
  { events }: Pick<Repositories, 'events'>,
  deps: RecordDeps,
  actor: Actor,
  recorded: readonly AnyRecorded[],
): Promise<void> {
  await events.add(...recorded.map((each) => eventOf(deps, actor, each as Recorded<EventType>)));
}

/** Records a failure outside of any transaction. The user may have been erased after they were read. */
export async function recordFailure<T extends FailureType>(
  deps: RecordDeps & { readonly store: Pick<Repositories, 'events'> },
  actor: Actor,
  failure: Recorded<T>,
  reason: DomainError['reason'],
): Promise<void> {
  await deps.store.events.addFailure(eventOf(deps, actor, failure, reason));
}

/**
 * Runs a step and records its failure as an event, outside of the transaction that was rolled
 * back. What fails before any decision, such as a missing field, is recorded as well.
 */
export async function recordingFailure<T extends FailureType, R>(
  deps: RecordDeps & { readonly store: Pick<Repositories, 'events'> },
  caller: Caller,
  failure: Recorded<T>,
  step: () => Promise<R>,
): Promise<R> {
  try {
    return await step();
  } catch (error) {
    const reason = error instanceof DomainError ? error.reason : 'INTERNAL';
    await recordFailure(deps, caller, failure, reason);
    throw error;
  }
}
