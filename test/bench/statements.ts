import { tracingChannel } from 'node:diagnostics_channel';
import type { Connection, RowDataPacket } from 'mysql2/promise';

// The statements of the driver and their durations, from its diagnostics channels.

type Sent = { readonly query: string; readonly values?: readonly unknown[] };

/** Follows the statements of this process. */
export function watchStatements() {
  const begun = new WeakMap<object, number>();
  let totalMs = 0;
  let sent: Sent[] = [];
  const handlers = {
    start: (statement: object) => {
      begun.set(statement, performance.now());
      sent.push(statement as Sent);
    },
    asyncStart: (statement: object) => {
      totalMs += performance.now() - (begun.get(statement) ?? performance.now());
    },
  };
  const channels = ['mysql2:query', 'mysql2:execute'].flatMap((name) => {
    const { start, asyncStart } = tracingChannel(name);
    return [[start, handlers.start] as const, [asyncStart, handlers.asyncStart] as const];
  });
  for (const [channel, handler] of channels) channel.subscribe(handler as never);
  return {
    /** Time that statements have taken so far. */
    totalMs: () => totalMs,
    /** The statements since the last call of this. */
    take: () => {
      const taken = sent;
      sent = [];
      return taken;
    },
    stop: () => {
      for (const [channel, handler] of channels) channel.unsubscribe(handler as never);
    },
  };
}

/** How the server runs each statement: a line for each table that it looks into. */
export async function explain(connection: Connection, statements: readonly Sent[]): Promise<string[]> {
  const lines: string[] = [];
  for (const { query, values = [] } of statements) {
    if (!/^\s*(select|update|delete)\b/i.test(query)) continue;
    const [plan] = await connection.query<RowDataPacket[]>(`EXPLAIN ${query}`, [...values]);
    for (const { table, type, key, rows, Extra: extra } of plan)
      lines.push(
        `${query.trim().split(' ', 1)[0]?.toLowerCase()} ${table}: ${type}, ${key}, ${rows} rows${extra ? `, ${extra}` : ''}`,
      );
  }
  return lines;
}
