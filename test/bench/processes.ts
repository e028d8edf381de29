import { readFileSync } from 'node:fs';

// Only Linux shows the use of other processes, in /proc.

export type Usage = { readonly cpuS: number; readonly rssMb: number };

/** Clock ticks a second, which Linux fixes for programs whatever its kernel uses. */
const ticksPerSecond = 100;

/** The use of a process and its children so far, without those of the database. */
export function usageOf(pid: number): Usage {
  return sumOf([read(pid), ...childrenOf(pid).map(usageOf)]);
}

export function sumOf(usages: readonly Usage[]): Usage {
  const sum = (name: keyof Usage) => usages.reduce((total, usage) => total + usage[name], 0);
  return { cpuS: sum('cpuS'), rssMb: sum('rssMb') };
}

function read(pid: number): Usage {
  // The name, before the last bracket, may hold any character.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  const kb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return { cpuS: (user + system) / ticksPerSecond, rssMb: kb / 1024 };
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return (text.match(/\d+/g) ?? []).map(Number);
}

/** The ticks that a core has rested, and all of them. */
export function timesOf(core: number): { readonly idle: number; readonly all: number } {
  const line = new RegExp(`^cpu${core} (.+)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '';
  const ticks = line.split(' ').map(Number);
  return { idle: (ticks[3] ?? 0) + (ticks[4] ?? 0), all: ticks.reduce((sum, each) => sum + each, 0) };
}
