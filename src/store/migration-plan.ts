import type { PlannedStatement, StatementEffect } from '../domain/migration.ts';

/** Rough speed of each effect, in bytes per second on a small server. An order of magnitude, no promise. */
const bytesPerSecond: Readonly<Record<StatementEffect, number>> = {
  metadata: Number.POSITIVE_INFINITY,
  index: 50_000_000,
  rows: 10_000_000,
  copy: 20_000_000,
};

/** A statement's table and its effect on it. */
export type Classified = { readonly table: string; readonly effect: StatementEffect };

/** Changes that need a new table: every row is copied, and writes wait. */
const copying =
  /\b(MODIFY|CHANGE)\b|\bCONVERT TO\b|\b(ADD|DROP) PRIMARY KEY\b|\bADD (CONSTRAINT \w+ )?FOREIGN KEY\b/i;
/** Changes that read the table once while it is read and written. */
const indexing = /\bADD (UNIQUE )?(KEY|INDEX)\b/i;

/**
 * Classifies a statement of a migration by its text (MySQL manual, "Online DDL operations"; MariaDB,
 * "InnoDB online DDL"). Added and dropped columns are metadata on every supported engine.
 */
export function classify(statement: string): Classified {
  const altered = /^ALTER TABLE (\w+)/i.exec(statement)?.[1];
  if (altered !== undefined) {
    const effect = copying.test(statement) ? 'copy' : indexing.test(statement) ? 'index' : 'metadata';
    return { table: altered, effect };
  }
  const written =
    /^INSERT\b.*?\bSELECT\b.*?\bFROM (\w+)/is.exec(statement)?.[1] ??
    /^(?:UPDATE(?: IGNORE)?|DELETE FROM) (\w+)/i.exec(statement)?.[1];
  if (written !== undefined) return { table: written, effect: 'rows' };
  return {
    table: /^(?:CREATE|DROP) TABLE (?:IF (?:NOT )?EXISTS )?(\w+)/i.exec(statement)?.[1] ?? '',
    effect: 'metadata',
  };
}

/** The size of a table, as the database estimates it. */
export type TableSize = { readonly rows: number; readonly bytes: number };

/** The effect of a statement at the present sizes of the tables. */
export function planStatement(statement: string, sizes: ReadonlyMap<string, TableSize>): PlannedStatement {
  const { table, effect } = classify(statement);
  const { rows, bytes } = sizes.get(table) ?? { rows: 0, bytes: 0 };
  const summary = statement.replace(/\s+/g, ' ').slice(0, 120);
  return { summary, table, effect, rows, bytes, estimateS: Math.ceil(bytes / bytesPerSecond[effect]) };
}
