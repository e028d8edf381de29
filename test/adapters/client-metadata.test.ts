import { describe, expect, test } from 'vitest';
import { createClientMetadata } from '../../src/adapters/client-metadata.ts';
import type { Application } from '../../src/domain/application.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { OutgoingError } from '../../src/domain/outgoing.ts';
import type { Tenant } from '../../src/domain/tenant.ts';

describe('a metadata document as the id of an application', () => {
  const id = 'https://client.example/app.json';
  const document = {
    client_id: id,
    client_name: 'An agent',
    redirect_uris: ['http://127.0.0.1/callback', 'https://client.example/callback'],
    token_endpoint_auth_method: 'none',
  };
  const json = (value: unknown, type = 'application/json') =>
    new Response(JSON.stringify(value), { headers: { 'content-type': type } });
  const tenant = { id: 'a tenant', policy: { metadataClients: true } } as unknown as Tenant;

  async function find(
    answer: () => Promise<Response>,
    clientId = id,
    of: Tenant = tenant,
  ): Promise<Application | undefined> {
    const findClient = createClientMetadata({
      outgoingFetch: answer,
      clock: () => new Date(),
      chargeFetch: async () => {},
    });
    return await findClient(of, clientId, '192.0.2.1');
  }

  test('is read where the tenant takes such', async () => {
    expect((await find(async () => json(document)))?.settings).toMatchObject({
      kind: 'native',
      name: 'An agent',
      authentication: 'none',
      redirectUris: document.redirect_uris,
      firstParty: false,
    });
    const off = { ...tenant, policy: { ...tenant.policy, metadataClients: false } };
    expect(await find(async () => json(document), id, off)).toBeUndefined();
  });

  test.each([
    ['another id inside', async () => json({ ...document, client_id: `${id}x` })],
    ['no redirect URI', async () => json({ ...document, redirect_uris: [] })],
    [
      'a redirect URI that may not be',
      async () => json({ ...document, redirect_uris: ['javascript:alert(1)'] }),
    ],
    ['a secret', async () => json({ ...document, token_endpoint_auth_method: 'client_secret_post' })],
    ['no JSON', async () => json(document, 'text/html')],
    ['a failure', async () => new Response('{}', { status: 404 })],
    ['a private address', async () => Promise.reject(new OutgoingError('ADDRESS_DENIED'))],
    ['a redirect', async () => Promise.reject(new OutgoingError('REDIRECTED'))],
    ['too much', async () => Promise.reject(new OutgoingError('TOO_LARGE'))],
    ['too slow', async () => Promise.reject(new OutgoingError('TIMED_OUT'))],
  ])('with %s is none', async (_, answer) => {
    expect(await find(answer)).toBeUndefined();
  });

  test.each([
    'http://client.example/app.json',
    'https://client.example/',
    'https://client.example',
    'https://user@client.example/app.json',
    'https://client.example/app.json#x',
    'https://client.example/a/../app.json',
    `https://client.example/${'a'.repeat(500)}`,
    'HTTPS://client.example/app.json',
  ])('%s is no id', async (clientId) => {
    expect(await find(async () => json({ ...document, client_id: clientId }), clientId)).toBeUndefined();
  });

  test('is fetched once in a while, and paid for by the network that names it', async () => {
    let fetched = 0;
    let charged = 0;
    const findClient = createClientMetadata({
      outgoingFetch: async () => {
        fetched += 1;
        return json(document);
      },
      clock: () => new Date(),
      chargeFetch: async () => {
        charged += 1;
        if (charged > 1) throw new DomainError('RATE_LIMITED');
      },
    });
    for (let round = 0; round < 3; round += 1) await findClient(tenant, id, '192.0.2.1');
    expect([fetched, charged]).toEqual([1, 1]);
    const other = findClient(tenant, 'https://other.example/app.json', '192.0.2.1');
    await expect(other).rejects.toMatchObject({ reason: 'RATE_LIMITED' });
  });
});
