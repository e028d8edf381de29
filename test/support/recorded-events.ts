import { appendFileSync, readFileSync } from 'node:fs';
import { inject } from 'vitest';

type CallLine = { readonly msg: string; readonly requestId: string; readonly rpc?: string };

/** Method and type of an event that a real call recorded, such as `AuthService/Login session.started`. */
export type RecordedPair = string;

/** Request id and procedure of every call in the log. */
export function callsOf(logLines: readonly string[]): readonly (readonly [string, string])[] {
  return logLines.flatMap((line) => {
    const { msg, requestId, rpc } = JSON.parse(line) as CallLine;
    return msg === 'call' && rpc !== undefined ? [[requestId, rpc] as const] : [];
  });
}

/** Appends the events of an app to the file of the run, each with the method that recorded it. */
export function noteEvents(
  calls: readonly (readonly [requestId: string, procedure: string])[],
  events: readonly { readonly request_id: Buffer | string; readonly type: Buffer | string }[],
): void {
  const methods = new Map(calls);
  const pairs = new Set(
    events.flatMap(({ request_id, type }) => {
      const procedure = methods.get(String(request_id));
      return procedure === undefined ? [] : [`${procedure.replace(/^(?:\w+\.)+/, '')} ${type}\n`];
    }),
  );
  appendFileSync(inject('recordedEvents'), [...pairs].join(''));
}

/** The pairs that the contract declares and no call of the run has recorded. */
export function unproven(file: string): readonly RecordedPair[] {
  const recorded = new Set(readFileSync(file, 'utf8').split('\n'));
  return declaredPairs().filter((pair) => !recorded.has(pair));
}

/** Every pair that the contract declares, read from docs/events.md, which is generated from it. */
function declaredPairs(): readonly RecordedPair[] {
  const page = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8');
  return [...page.matchAll(/^\| `([\w.]+)` \| [^|]* \| [^|]* \| (.*) \|$/gm)].flatMap(
    ([, type = '', methods = '']) =>
      methods === 'no method' ? [] : methods.split(', ').map((method) => `${method} ${type}`),
  );
}
