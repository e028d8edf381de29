import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { EventService } from '../../gen/manam/v1/event_service_pb.js';
import { DomainError } from '../domain/errors.ts';
import type { LoggedEvent } from '../domain/event-log.ts';
import type { EventDetails } from '../domain/events.ts';
import { BrokenTreeError } from '../domain/merkle.ts';
import type { createHistory, ToldEvent } from '../flows/events/history.ts';
import type { LogProofs } from '../flows/events/log-proofs.ts';
import type { ReadEvents } from '../flows/events/read-events.ts';
import type { createWatch } from '../flows/events/watch.ts';
import { callerOf, requestOf } from './context.ts';

export type EventFlows = {
  readonly read: ReadEvents;
  readonly watch: ReturnType<typeof createWatch>;
  readonly proofs: LogProofs;
  readonly history: ReturnType<typeof createHistory>;
};

const lineOf = ({ signal, values }: HandlerContext) => ({
  gone: signal,
  cut: () => requestOf(values).cut?.(),
});

const base64url = (bytes: Buffer) => bytes.toString('base64url');

/** Answers LOG_DAMAGED where the tree of a log lacks hashes. */
async function proving<T>(work: Promise<T>): Promise<T> {
  return await work.catch((error: unknown) => {
    throw error instanceof BrokenTreeError ? new DomainError('LOG_DAMAGED', { cause: error }) : error;
  });
}

export function eventHandlers({
  read,
  watch,
  proofs,
  history,
}: EventFlows): ServiceImpl<typeof EventService> {
  return {
    async listEvents(request, context) {
      const { events, cursor, hasMore } = await read.list(callerOf(context), request);
      return {
        events: events.map(({ event, cursor: after }) => toPublished(event, after)),
        nextCursor: cursor,
        hasMore,
      };
    },

    async *watchEvents({ after, types, fromStart }, context) {
      const query = { after, types, fromStart };
      for await (const { event, cursor, head } of watch.events(callerOf(context), query, lineOf(context)))
        yield {
          cursor,
          ...(event && { event: toPublished(event, cursor) }),
          ...(head !== undefined && { logHead: head }),
        };
    },

    async *watchSession(_, context) {
      yield* watch.session(callerOf(context), lineOf(context));
    },

    async listMyEvents({ beforeEventId, limit }, context) {
      const caller = callerOf(context);
      const { events, hasMore } = await history.list(caller, { beforeId: beforeEventId, limit });
      return { events: events.map((each) => toTold(each, caller.session?.id)), hasMore };
    },

    async explainSession(request, context) {
      const caller = callerOf(context);
      const { state, text, cause, events } = await history.explain(caller, request);
      const told = (each: ToldEvent) => toTold(each, caller.session?.id);
      return { state, text, events: events.map(told), ...(cause && { cause: told(cause) }) };
    },

    async getLogHead(_, context) {
      const { head, logId, size, root } = await proving(proofs.head(callerOf(context).tenant.id));
      return { head, logId, size: BigInt(size), root: base64url(root) };
    },

    async proveInclusion({ eventId, size }, context) {
      const proved = await proving(proofs.inclusion(callerOf(context).tenant.id, eventId, Number(size)));
      return {
        entry: proved.entry,
        index: BigInt(proved.index),
        size: BigInt(proved.size),
        proof: proved.proof.map(base64url),
        root: base64url(proved.root),
      };
    },

    async proveConsistency({ fromSize, toSize }, context) {
      const { tenant } = callerOf(context);
      const proved = await proving(proofs.consistency(tenant.id, Number(fromSize), Number(toSize)));
      return {
        proof: proved.proof.map(base64url),
        fromRoot: base64url(proved.fromRoot),
        toSize: BigInt(proved.toSize),
        toRoot: base64url(proved.toRoot),
      };
    },
  };
}

const toDetails = (details: EventDetails) =>
  Object.fromEntries(Object.entries(details).map(([name, value]) => [name, String(value)]));

/** An event for a back end: ids only, without the network address. */
function toPublished(event: LoggedEvent, cursor: string) {
  const { id, type, outcome, reason, userId, sessionId, keyId, requestId, createdAt, details, position } =
    event;
  return {
    eventId: id,
    type,
    outcome,
    reason,
    userId: userId ?? '',
    sessionId: sessionId ?? '',
    keyId: keyId ?? '',
    requestId,
    createTime: timestampFromDate(createdAt),
    details: toDetails(details),
    position: BigInt(position),
    cursor,
  };
}

export function toTold({ event, text }: ToldEvent, currentSessionId: string | undefined) {
  const { id, type, outcome, sessionId, address, createdAt, details } = event;
  return {
    eventId: id,
    type,
    outcome,
    text,
    sessionId: sessionId ?? '',
    // The network address of a member stays hidden from the user.
    address: details['member'] === undefined ? address : '',
    createTime: timestampFromDate(createdAt),
    details: toDetails(details),
    isCurrentSession: sessionId !== undefined && sessionId === currentSessionId,
  };
}
