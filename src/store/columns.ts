import { customType, timestamp } from 'drizzle-orm/mysql-core';
import { bytesToUuid, uuidToBytes } from '../domain/token.ts';

/** Drizzle hands a NULL to the type of its column where a prepared statement is given one. */
function orNull<T, D>(toDriver: (value: T) => D): (value: T) => D {
  return (value) => (value === null ? (null as D) : toDriver(value));
}

/** A UUID, 16 bytes at rest. Drizzle's own `binary` decodes as UTF-8 and destroys it. */
export const uuid = customType<{ data: string; driverData: Buffer }>({
  dataType: () => 'binary(16)',
  toDriver: orNull(uuidToBytes),
  fromDriver: bytesToUuid,
});

/** Bytes: digests and sealed values. */
export const bytes = customType<{ data: Buffer; driverData: Buffer; config: { type: string } }>({
  dataType: (config) => config?.type ?? 'varbinary(255)',
});

/** Text that is compared byte by byte: identifiers, names of states. */
export const exact = customType<{
  data: string;
  driverData: Buffer;
  config: { length: number };
  configRequired: true;
}>({
  dataType: (config) => `varbinary(${config.length})`,
  toDriver: orNull((text: string) => Buffer.from(text)),
  fromDriver: (stored) => stored.toString(),
});

/** A point in time, in milliseconds and UTC. */
export const instant = customType<{ data: Date; driverData: string }>({
  dataType: () => 'datetime(3)',
  toDriver: orNull((date: Date) => date.toISOString().slice(0, -1).replace('T', ' ')),
  fromDriver: (text) => new Date(`${text.replace(' ', 'T')}Z`),
});

/** When a row was last written, which the database notes by itself. It is compared with the database's own clock alone. */
export const changeTime = (name: string) =>
  timestamp(name, { fsp: 3, mode: 'string' }).notNull().defaultNow();

/** A JSON document. A text column, because MySQL's and MariaDB's JSON types differ. */
export const json = customType<{ data: unknown; driverData: string }>({
  dataType: () => 'mediumtext',
  toDriver: orNull((value: unknown) => JSON.stringify(value)),
  fromDriver: (text) => JSON.parse(text) as unknown,
});

/** A yes or no. */
export const flag = customType<{ data: boolean; driverData: number }>({
  dataType: () => 'tinyint',
  toDriver: orNull((isSet: boolean) => (isSet ? 1 : 0)),
  fromDriver: (stored) => stored === 1,
});
