import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { startGroupAgent } from '../../src/composition/group-agent.ts';
import { createTestDatabase } from '../support/database.ts';
import { freePort } from '../support/federation.ts';

// `up` needs a group: test/cluster/group-replication.cluster.ts proves it under load.

async function checkOf(databaseUrl: string): Promise<string> {
  const agent = await startGroupAgent(databaseUrl, { host: '127.0.0.1', port: 0 });
  const socket = connect(agent.port, '127.0.0.1');
  await once(socket, 'connect');
  const said = await text(socket);
  agent.close();
  return said;
}

test('the agent check is down for a server that is in no group, and for one that is not there', async () => {
  const database = await createTestDatabase();
  expect(await checkOf(database.url)).toBe('down\n');
  expect(await checkOf(`mysql://agent:secret@127.0.0.1:${await freePort()}/`)).toBe('down\n');
  await database.drop();
});
