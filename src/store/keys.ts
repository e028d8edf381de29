import { and, asc, eq, inArray } from 'drizzle-orm';
import type { KeyRepository } from '../domain/signing-key.ts';
import type { Database } from './database.ts';
import { applicationKeys, dataKeys, signingKeys } from './tables/keys.ts';

export function createKeyRepository(db: Database): KeyRepository {
  return {
    async listDataKeys() {
      return await db.select().from(dataKeys).orderBy(asc(dataKeys.id));
    },
    async insertDataKey(key) {
      await db.insert(dataKeys).values(key);
    },
    async resealDataKey(id, from, to) {
      const [result] = await db
        .update(dataKeys)
        .set({ sealed: to })
        .where(and(eq(dataKeys.id, id), eq(dataKeys.sealed, from)));
      return result.affectedRows === 1;
    },
    async listSigningKeys() {
      return await db.select().from(signingKeys).orderBy(asc(signingKeys.id));
    },
    async insertSigningKey(key) {
      await db.insert(signingKeys).values(key);
    },
    async deleteSigningKeys(ids) {
      if (ids.length > 0) await db.delete(signingKeys).where(inArray(signingKeys.id, [...ids]));
    },
    async listApplicationKeys() {
      return await db.select().from(applicationKeys).orderBy(asc(applicationKeys.id));
    },
    async insertApplicationKey(key) {
      await db.insert(applicationKeys).values(key);
    },
    async deleteApplicationKeys(ids) {
      if (ids.length > 0) await db.delete(applicationKeys).where(inArray(applicationKeys.id, [...ids]));
    },
  };
}
