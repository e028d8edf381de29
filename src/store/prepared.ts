import { type Column, getTableColumns, type Placeholder, sql } from 'drizzle-orm';
import type { MySqlTable } from 'drizzle-orm/mysql-core';

// Drizzle takes longer to write the text of a statement than MySQL to run it. What the calls
// that matter send is therefore written once, and inside of transactions once for each
// connection, with slots for its values; and the server is asked to keep it prepared.

/** Makes something at its first use, and keeps it. */
export function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Makes something at its first use for a size, of which there are few, and keeps it. */
export function bySize<T>(make: (size: number) => T): (size: number) => T {
  const made = new Map<number, T>();
  return (size) => {
    const known = made.get(size) ?? make(size);
    made.set(size, known);
    return known;
  };
}

/** The place of a value that is given when the statement runs, in the type of its column. */
export function slot(name: string, column: Column) {
  return sql.param(sql.placeholder(name), column);
}

/** A slot for each column of a table, by the name of the column's property: for a whole row. The index tells several rows apart. */
export function slotsOf<T extends MySqlTable>(table: T, index?: number) {
  const names = Object.keys(getTableColumns(table));
  return Object.fromEntries(names.map((name) => [name, sql.placeholder(`${name}${index ?? ''}`)])) as {
    [Name in keyof T['_']['columns']]: Placeholder;
  };
}

/** The values of a row for the slots with that index. */
export function withIndex(row: Readonly<Record<string, unknown>>, index: number): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [`${name}${index}`, value]));
}
