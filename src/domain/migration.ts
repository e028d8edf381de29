/**
 * The effect of a statement: it changes metadata only, builds an index while the table is used, writes
 * rows, or copies the table while writes wait.
 */
export const statementEffects = ['metadata', 'index', 'rows', 'copy'] as const;
export type StatementEffect = (typeof statementEffects)[number];

/** A statement of a migration that is not applied, with the present size of its table. */
export type PlannedStatement = {
  /** The beginning of its text. */
  readonly summary: string;
  readonly table: string;
  readonly effect: StatementEffect;
  /** Rows and bytes of the table, as the database estimates them; 0 for a new table. */
  readonly rows: number;
  readonly bytes: number;
  /** Rough duration in seconds. */
  readonly estimateS: number;
};

/** A migration of the schema. */
export type MigrationState = {
  readonly name: string;
  /** Undefined: the database lacks it. */
  readonly appliedAt: Date | undefined;
  /** Whether every instance of the version before must be stopped. */
  readonly needsStop: boolean;
  /** The statements; empty once applied. */
  readonly plan: readonly PlannedStatement[];
};

/** The migrations of the schema. */
export type Migrations = {
  list(): Promise<MigrationState[]>;
  /**
   * Applies those that the database lacks; one caller at a time does so. Throws MIGRATION_NEEDS_STOP
   * where one cannot run beside an older version, unless `stopped` says that none runs.
   */
  apply(stopped: boolean): Promise<void>;
};
