import type { BenchDatabase } from '../database.ts';
import type { Limits } from '../limits.ts';
import type { Row } from '../report.ts';

export type Options = {
  /** How long each comparison lasts. */
  readonly seconds: number;
  /** How many callers a closed loop has. */
  readonly concurrency: number;
  /** How many accounts the database holds. */
  readonly users: number;
  /** How many tenants the scale scenario spreads them over. */
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
