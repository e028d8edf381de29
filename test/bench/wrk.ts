import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installPackages } from '../../src/store/embedded/install.ts';
import type { Side } from './slices.ts';

// wrk, a driver in C: what it takes of the two cores is little beside a client in Node.

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'manam-wrk-'));
let files = 0;

export type DrivenCall = {
  readonly url: string;
  readonly callers: number;
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Lua that makes requests of its own, written anew for each slice. */
  readonly script?: () => Promise<string>;
};

const lua = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;

/** Prints the number of calls, the failures by kind, the microseconds, and a thousand latencies in milliseconds. */
const report = `
done = function(summary, latency)
  local errors = summary.errors
  local failed = ""
  for _, kind in ipairs({ "connect", "read", "write", "status", "timeout" }) do
    if errors[kind] > 0 then failed = failed .. kind .. "=" .. errors[kind] .. "," end
  end
  local all = {}
  for index = 1, 1000 do all[index] = latency:percentile(index / 10 - 0.05) / 1000 end
  print("RESULT " .. summary.requests .. " failed:" .. failed .. " " .. summary.duration .. " " .. table.concat(all, ","))
end`;

/** Requests whose bodies are what a Lua expression says, each time anew. */
export const bodies = (expression: string) => async () =>
  `request = function() return wrk.format(nil, nil, nil, ${expression}) end`;

export type Chain = {
  /** The values of the first requests; wrk discards one. */
  readonly first: () => Promise<readonly string[]>;
  /** The body before and after the value. */
  readonly around: readonly [before: string, after: string];
  /** The Lua pattern that finds in a response what the next request sends. */
  readonly pattern: string;
};

/** Requests that each use up what a response before them gave. */
export const chain =
  ({ first, around: [before, after], pattern }: Chain) =>
  async () =>
    `
local left = { ${(await first()).map(lua).join(', ')} }
request = function()
  return wrk.format(nil, nil, nil, ${lua(before)} .. table.remove(left, 1) .. ${lua(after)})
end
response = function(status, headers, body) table.insert(left, string.match(body, ${lua(pattern)})) end`;

/** Callers that send one request after another. Throws where one of them fails. */
export function driving({ url, callers, method = 'GET', headers, body, script }: DrivenCall): Side {
  if (!existsSync('/usr/bin/wrk')) installPackages(['wrk']);
  files += 1;
  const file = join(folder, `${files}.lua`);
  const lines = Object.entries(headers).map(([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`);
  const sent = body === undefined ? [] : [`wrk.body = ${lua(body)}`];
  return async (ms) => {
    const own = script === undefined ? [] : [await script()];
    const text = [
      'math.randomseed(os.time())',
      `wrk.method = ${lua(method)}`,
      ...lines,
      ...sent,
      ...own,
      report,
    ];
    writeFileSync(file, text.join('\n'));
    const seconds = Math.max(1, Math.round(ms / 1000));
    const { stdout } = await run('wrk', ['-t1', `-c${callers}`, `-d${seconds}s`, '-s', file, url]);
    const [, calls, failed, us, all = ''] = /^RESULT (\d+) failed:(\S*) (\d+) (.+)$/m.exec(stdout) ?? [];
    if (failed !== '') throw new Error(`${url}: of ${calls} calls failed ${failed}`);
    return { calls: Number(calls), ms: Number(us) / 1000, latencies: all.split(',').map(Number) };
  };
}
