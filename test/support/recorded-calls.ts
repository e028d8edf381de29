import { appendFileSync } from 'node:fs';
import { inject } from 'vitest';

/** A call of a run: its procedure, and the reason of its failure, if any. */
export type Call = { readonly procedure: string | undefined; readonly reason?: string | undefined };

type CallLine = {
  readonly msg: string;
  readonly requestId: string;
  readonly rpc?: string;
  readonly reason?: string;
};

/** The calls in the log, by request id. */
export function callsOf(logLines: readonly string[]): readonly (readonly [string, Call])[] {
  return logLines
    .map((line) => JSON.parse(line) as CallLine)
    .filter(({ msg }) => msg === 'call')
    .map(({ requestId, rpc, reason }) => [requestId, { procedure: rpc, reason }]);
}

/** Appends to the file of the run which method recorded which event, and failed for which reason. */
export function noteCalls(
  calls: readonly (readonly [requestId: string, call: Call])[],
  events: readonly { readonly request_id: Buffer | string; readonly type: Buffer | string }[],
): void {
  const known = new Map(calls);
  const recorded = events.map(({ request_id, type }) => [
    known.get(String(request_id))?.procedure,
    String(type),
  ]);
  const failed = calls.map(([, { procedure, reason }]) => [procedure, reason]);
  const lines = [...recorded, ...failed]
    .filter(([procedure, what]) => procedure !== undefined && what !== undefined)
    .map((pair) => `${pair.join(' ')}\n`);
  appendFileSync(inject('recordedCalls'), [...new Set(lines)].join(''));
}
