import type { BenchDatabase } from '../database.ts';
import type { Limits } from '../limits.ts';
import type { Row } from '../report.ts';

export type Options = {
  /** Duration of each comparison. */
  readonly seconds: number;
  /** Number of callers in a closed loop. */
  readonly concurrency: number;
  /** Number of accounts in the database. */
  readonly users: number;
  /** Number of tenants in the scale scenario. */
  readonly tenants: number;
  readonly workers: number;
};

export type Bench = {
  readonly options: Options;
  readonly database: BenchDatabase;
  readonly limits: Limits;
};

/** Measures one question, and returns its rows. */
export type Scenario = (bench: Bench) => Promise<Row[]>;
