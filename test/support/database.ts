import { createConnection } from 'mysql2/promise';
import { v7 } from 'uuid';
import { inject } from 'vitest';

/** Makes an empty database for one test file; returns its URL and how to drop it. */
export async function createTestDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `manam_test_${v7().replaceAll('-', '')}`;
  const urlOf = (database: string) => inject('databaseUrl').replace('{database}', database);
  const execute = async (sql: string) => {
    const connection = await createConnection({ uri: urlOf('') });
    await connection.query(sql).finally(() => connection.end());
  };
  await execute(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  return { url: urlOf(name), drop: () => execute(`DROP DATABASE ${name}`) };
}
