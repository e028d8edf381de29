import { writeFileSync } from 'node:fs';
import Table from 'cli-table3';
import type { Figures } from './slices.ts';

/** The target and the lower limit of a ratio. */
export type Goal = {
  readonly aim: number;
  readonly limit: number;
  /** Whether more is better. */
  readonly more: boolean;
};

export const atLeast = (aim: number, limit = aim): Goal => ({ aim, limit, more: true });
export const atMost = (aim: number, limit = aim): Goal => ({ aim, limit, more: false });

/** The server's cost of a call. */
export type Cost = {
  readonly statements: number;
  readonly serverCpuMs: number;
  readonly rssMb: number;
};

export type Row = {
  readonly name: string;
  /** A remark beside it. */
  readonly against: string;
  readonly ratio: number;
  readonly spread?: readonly [number, number];
  readonly goal?: Goal;
  readonly a?: Figures;
  readonly b?: Figures;
  readonly cost?: Cost;
  /** Further figures, by their names. */
  readonly more?: Readonly<Record<string, number>>;
};

function verdict({ ratio, goal }: Row): string {
  if (goal === undefined) return '';
  const reaches = (bound: number) => (goal.more ? ratio >= bound : ratio <= bound);
  if (reaches(goal.aim)) return 'met';
  return reaches(goal.limit) ? 'within' : 'MISSED';
}

function speed(figures: Figures | undefined): string {
  if (figures === undefined) return '';
  const { perSecond, p50, p95, p99 } = figures;
  return `${perSecond}/s  ${p50} ${p95} ${p99}`;
}

/** Prints everything as one table. */
export function printTable(rows: readonly Row[]): void {
  const table = new Table({
    head: ['what', 'against', 'ratio', 'spread', 'goal', '', 'it: p50 p95 p99 ms', 'other', 'a call costs'],
    style: { head: [], compact: true },
    wordWrap: true,
    colWidths: [34, 30, 8, 15, 9, 8, 28, 28, 26],
  });
  for (const row of rows) {
    const { name, against, ratio, spread, goal, a, b, cost, more } = row;
    const sign = goal?.more === false ? '≤' : '≥';
    const costs = cost && `${cost.statements} SQL, ${cost.serverCpuMs} ms CPU, ${cost.rssMb} MB`;
    const others = Object.entries(more ?? {}).map(([key, value]) => `${key} ${value}`);
    table.push([
      name,
      against,
      ratio,
      spread?.join(' – ') ?? '',
      goal ? `${sign} ${goal.aim}${goal.limit === goal.aim ? '' : ` (${goal.limit})`}` : '',
      verdict(row),
      speed(a),
      speed(b),
      [costs, ...others].filter((text) => text).join(', '),
    ]);
  }
  process.stdout.write(`${table.toString()}\n`);
}

export function writeReport(file: string, options: object, rows: readonly Row[]): void {
  const report = { at: new Date().toISOString(), node: process.version, options, rows };
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}
