import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from './connection-options.ts';

const deadlineMs = 1000;

/**
 * Whether a server is the primary of its group and can commit: its own member is PRIMARY and ONLINE, and
 * so is more than half of the group (MySQL manual, "The replication_group_members Table"). False as
 * well for a server that does not respond within a second.
 */
export async function isWritablePrimary(url: string): Promise<boolean> {
  const options = { ...connectionOptions(url), connectTimeout: deadlineMs };
  const connection = await createConnection(options).catch(() => undefined);
  if (connection === undefined) return false;
  try {
    const [members] = await connection.query<RowDataPacket[]>({
      sql: 'SELECT MEMBER_ROLE AS role, MEMBER_STATE AS state, MEMBER_ID = @@server_uuid AS own FROM performance_schema.replication_group_members',
      timeout: deadlineMs,
    });
    const own = members.find((member) => Number(member['own']) === 1);
    const online = members.filter((member) => member['state'] === 'ONLINE').length;
    return own?.['role'] === 'PRIMARY' && own['state'] === 'ONLINE' && online * 2 > members.length;
  } catch {
    return false;
  } finally {
    connection.destroy();
  }
}
