import { vi } from 'vitest';
import { run } from '../../src/cli/run.ts';

export type Ended = { readonly code: number; readonly out: string; readonly err: string };

/** Runs a command in this process, as `main.ts` does in its own. */
export async function runCommand(args: string[], env: Record<string, string>): Promise<Ended> {
  let [out, err] = ['', ''];
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += String(text);
      return true;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += String(text);
      return true;
    }),
  ];
  const code = await run(env, ['node', 'manam', ...args]).finally(() => {
    for (const spy of spies) spy.mockRestore();
  });
  return { code, out, err };
}
