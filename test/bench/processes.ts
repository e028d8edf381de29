import { readFileSync } from 'node:fs';

// Linux alone tells what the processes of another one use, in /proc.

export type Usage = { readonly cpuS: number; readonly rssMb: number };

/** Clock ticks a second, which Linux fixes for programs whatever its kernel uses. */
const ticksPerSecond = 100;

/** What a process and those that it has started have used so far; those of the database are not counted. */
export function usageOf(pid: number): Usage {
  return sumOf([read(pid), ...childrenOf(pid).map(usageOf)]);
}

export function sumOf(usages: readonly Usage[]): Usage {
  const sum = (name: keyof Usage) => usages.reduce((total, usage) => total + usage[name], 0);
  return { cpuS: sum('cpuS'), rssMb: sum('rssMb') };
}

function read(pid: number): Usage {
  // What stands before the last bracket is the name, which may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  const kb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return { cpuS: (user + system) / ticksPerSecond, rssMb: kb / 1024 };
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return (text.match(/\d+/g) ?? []).map(Number);
}
