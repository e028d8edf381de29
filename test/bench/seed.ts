import { SingleBar } from 'cli-progress';
import type { Connection, RowDataPacket } from 'mysql2/promise';

/** Number of rows per statement. */
const chunk = 10_000;

const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS d`).join(' UNION ALL ');
const numbers = `(SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n
  FROM (${digits}) a JOIN (${digits}) b JOIN (${digits}) c JOIN (${digits}) e) numbers`;

/** The first 48 bits of the ids that are made: a time, as in all others of their kind. */
const firstInstant = 0x0190_0000_0000;

/** In SQL, the id of number `n`: a UUID of version 7 whose order is that of the numbers. */
const idOf = (n: string) =>
  `UNHEX(CONCAT(LPAD(HEX(${firstInstant} + ${n}), 12, '0'), '7000', '8', LPAD(HEX(${n}), 15, '0')))`;

export const emailSuffix = '@bench.example';

/** The address of a seeded user. */
export const seededEmail = (n: number): string => `u${n}${emailSuffix}`;

/** The id of a seeded row: tenants and users have one each for their number. */
export function seededId(k: number): string {
  const time = (firstInstant + k).toString(16).padStart(12, '0');
  const tail = k.toString(16).padStart(15, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8${tail.slice(0, 3)}-${tail.slice(3)}`;
}

export type SeedOptions = {
  /** A confirmed user, whose rows are copied; all of them have its password. */
  readonly template: string;
  readonly users: number;
  /** Number of tenants; undefined: all rows belong to the tenant of the template. */
  readonly tenants?: number;
  /** Whether each has the template's only session as well, and the event that it began with. */
  readonly withSessions?: boolean;
  readonly label: string;
};

/** Makes users by copying one in the database, 10,000 rows a statement. */
export async function seedUsers(connection: Connection, options: SeedOptions): Promise<void> {
  const { template, users, tenants, label, withSessions = false } = options;
  const [[owner]] = await connection.query<RowDataPacket[]>(
    'SELECT tenant_id, user_id FROM identifiers WHERE canonical = ?',
    [template],
  );
  if (owner === undefined) throw new Error(`there is no user ${template}`);
  if (tenants !== undefined) await copyTenants(connection, owner['tenant_id'] as Buffer, tenants);

  const bar = new SingleBar({
    format: `${label} {bar} {value}/{total} · {eta_formatted} left`,
    noTTYOutput: false,
  });
  bar.start(users, 0);
  const perTenant = tenants === undefined ? undefined : Math.ceil(users / tenants);
  const begun = withSessions ? ['sessions', 'events'] : [];
  for (let from = 0; from < users; from += chunk) {
    const n = `(numbers.n + ${from})`;
    const tenant = perTenant && idOf(`(${n} DIV ${perTenant})`);
    const email = `CONCAT('u', ${n}, '${emailSuffix}')`;
    const id = idOf(n);
    const copies: Record<string, Record<string, string>> = {
      users: { id },
      identifiers: { user_id: id, canonical: email, address: email },
      credentials: { user_id: id },
      sessions: { id, user_id: id },
      events: { id, user_id: id, session_id: id, position: `${n} MOD ${perTenant ?? users} + 1` },
    };
    for (const table of ['users', 'identifiers', 'credentials', ...begun]) {
      const replaced = { ...copies[table], ...(tenant && { tenant_id: tenant }) };
      const key = table === 'users' ? 'id' : 'user_id';
      const one = table === 'events' ? "AND t.type = 'session.started'" : '';
      await copyRows(
        connection,
        table,
        replaced,
        `${key} = ? ${one} AND ${n} < ${users}`,
        owner['user_id'] as Buffer,
      );
    }
    bar.update(Math.min(users, from + chunk));
  }
  bar.stop();
  // The plans of later statements must not depend on the last statistics.
  await connection.query(`ANALYZE TABLE ${['users', 'identifiers', 'credentials', ...begun].join(', ')}`);
}

async function copyTenants(connection: Connection, id: Buffer, tenants: number): Promise<void> {
  for (let from = 0; from < tenants; from += chunk) {
    const n = `(numbers.n + ${from})`;
    const replaced = { id: idOf(n), slug: `CONCAT('bench-', ${n})` };
    await copyRows(connection, 'tenants', replaced, `id = ? AND ${n} < ${tenants}`, id);
  }
}

/** Copies the row that a condition selects, once for each number, some of its columns replaced. */
async function copyRows(
  connection: Connection,
  table: string,
  replaced: Readonly<Record<string, string>>,
  condition: string,
  parameter: Buffer,
): Promise<void> {
  const [columns] = await connection.query<RowDataPacket[]>(`SHOW COLUMNS FROM ${table}`);
  const names = columns
    .filter((column) => !/GENERATED/.test(String(column['Extra'])))
    .map((column) => String(column['Field']));
  const values = names.map((name) => replaced[name] ?? `t.${name}`);
  await connection.query(
    `INSERT INTO ${table} (${names.join(', ')}) SELECT ${values.join(', ')} FROM ${table} t JOIN ${numbers} WHERE t.${condition}`,
    [parameter],
  );
}
