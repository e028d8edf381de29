/** Rows by key. A row is never changed in place, so that a copy of the map is a snapshot. */
export class Table<Row extends object> {
  #rows = new Map<string, Row>();
  readonly #keyOf: (row: Row) => string;

  constructor(keyOf: (row: Row) => string) {
    this.#keyOf = keyOf;
  }

  /** Adds a row; false where its key is taken. */
  insert(row: Row): boolean {
    const key = this.#keyOf(row);
    if (this.#rows.has(key)) return false;
    this.#rows.set(key, row);
    return true;
  }

  find(matches: (row: Row) => boolean): Row | undefined {
    return this.all(matches)[0];
  }

  all(matches: (row: Row) => boolean = () => true): Row[] {
    return [...this.#rows.values()].filter(matches);
  }

  /** Changes the rows that match; returns their number. */
  update(matches: (row: Row) => boolean, change: Partial<Row> | ((row: Row) => Partial<Row>)): number {
    const found = [...this.#rows.entries()].filter(([, row]) => matches(row));
    for (const [key, row] of found) {
      const changed = { ...row, ...(typeof change === 'function' ? change(row) : change) };
      this.#rows.delete(key);
      this.#rows.set(this.#keyOf(changed), changed);
    }
    return found.length;
  }

  /** Deletes the rows that match, at most `limit`; returns their number. */
  delete(matches: (row: Row) => boolean, limit = Number.POSITIVE_INFINITY): number {
    const found = [...this.#rows.entries()].filter(([, row]) => matches(row)).slice(0, limit);
    for (const [key] of found) this.#rows.delete(key);
    return found.length;
  }

  /** Takes a snapshot; the result restores it. */
  snapshot(): () => void {
    const rows = new Map(this.#rows);
    return () => {
      this.#rows = rows;
    };
  }
}

/** Ids and names grow with time or are compared by bytes: the order of the database. */
export const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : 1);
