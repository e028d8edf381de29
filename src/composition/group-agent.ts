import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { isWritablePrimary } from '../store/group-member.ts';

export type GroupAgent = { readonly port: number; close(): void };

/**
 * Serves HAProxy's agent check for one server of a group: `up` while it is the primary of a majority,
 * else `down` (HAProxy configuration manual, "agent-check").
 */
export async function startGroupAgent(
  databaseUrl: string,
  listen: { readonly host: string; readonly port: number },
): Promise<GroupAgent> {
  const server = createServer(async (socket) => {
    // A check that HAProxy gave up is no error.
    socket.on('error', () => socket.destroy());
    socket.end((await isWritablePrimary(databaseUrl)) ? 'up\n' : 'down\n');
  });
  server.listen(listen.port, listen.host);
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
