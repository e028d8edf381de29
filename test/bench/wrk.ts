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
let scripts = 0;

export type RepeatedCall = {
  readonly url: string;
  readonly callers: number;
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
};

const lua = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;

/** Prints the number of calls, of failures, the microseconds, and a thousand latencies in milliseconds. */
const report = `
done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local all = {}
  for index = 1, 1000 do all[index] = latency:percentile(index / 10 - 0.05) / 1000 end
  print("RESULT " .. summary.requests .. " " .. failed .. " " .. summary.duration .. " " .. table.concat(all, ","))
end`;

/** Callers that repeat one request. Throws where one of them fails. */
export function repeating({ url, callers, method = 'GET', headers, body }: RepeatedCall): Side {
  if (!existsSync('/usr/bin/wrk')) installPackages(['wrk']);
  scripts += 1;
  const script = join(folder, `${scripts}.lua`);
  const lines = Object.entries(headers).map(([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`);
  const sent = body === undefined ? [] : [`wrk.body = ${lua(body)}`];
  writeFileSync(script, [`wrk.method = ${lua(method)}`, ...lines, ...sent, report].join('\n'));
  return async (ms) => {
    const seconds = Math.max(1, Math.round(ms / 1000));
    const { stdout } = await run('wrk', ['-t1', `-c${callers}`, `-d${seconds}s`, '-s', script, url]);
    const [, calls, failed, us, all = ''] = /^RESULT (\d+) (\d+) (\d+) (.+)$/m.exec(stdout) ?? [];
    if (Number(failed) !== 0) throw new Error(`${url}: ${failed} of ${calls} calls failed`);
    return { calls: Number(calls), ms: Number(us) / 1000, latencies: all.split(',').map(Number) };
  };
}
