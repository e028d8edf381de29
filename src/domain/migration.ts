/** A migration of the schema; undefined where the database lacks it. */
export type MigrationState = { readonly name: string; readonly appliedAt: Date | undefined };

/** The migrations of the schema. */
export type Migrations = {
  list(): Promise<MigrationState[]>;
  /**
   * Applies those that the database lacks; one caller at a time does so. Throws MIGRATION_NEEDS_STOP
   * where one cannot run beside an older version, unless `stopped` says that none runs.
   */
  apply(stopped: boolean): Promise<void>;
};
