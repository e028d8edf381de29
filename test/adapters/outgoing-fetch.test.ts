import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOutgoingFetch } from '../../src/adapters/outgoing-fetch.ts';
import { parseNetworks } from '../../src/domain/network.ts';
import type { OutgoingFault } from '../../src/domain/outgoing.ts';

const hits: string[] = [];
const server = createServer((request, response) => {
  hits.push(`${request.method} ${request.url}`);
  if (request.url === '/redirect') response.writeHead(302, { location: 'https://example.com/' }).end();
  else if (request.url === '/large') response.end(Buffer.alloc(4096));
  else if (request.url === '/never') response.writeHead(200).write('x');
  else if (request.url === '/none') response.writeHead(204).end();
  else request.pipe(response.writeHead(200, { 'content-type': 'text/plain' }));
});
let origin = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const strict = createOutgoingFetch();
const local = createOutgoingFetch({ allowed: parseNetworks(['127.0.0.0/8']) });

async function faultOf(request: Promise<Response>): Promise<OutgoingFault | undefined> {
  return await request.then(
    () => undefined,
    (error: { fault?: OutgoingFault }) => error.fault,
  );
}

test.each([
  ['http://example.com/', 'URL_DENIED'],
  ['ftp://example.com/', 'URL_DENIED'],
  ['https://user:password@example.com/', undefined],
  ['https://127.0.0.1/', 'ADDRESS_DENIED'],
  ['https://127.1/', 'ADDRESS_DENIED'],
  ['https://2130706433/', 'ADDRESS_DENIED'],
  ['https://0x7f.0.0.1/', 'ADDRESS_DENIED'],
  ['https://0.0.0.0/', 'ADDRESS_DENIED'],
  ['https://10.1.2.3/', 'ADDRESS_DENIED'],
  ['https://172.16.0.1/', 'ADDRESS_DENIED'],
  ['https://192.168.1.1/', 'ADDRESS_DENIED'],
  ['https://100.64.0.1/', 'ADDRESS_DENIED'],
  ['https://169.254.169.254/latest/meta-data/', 'ADDRESS_DENIED'],
  ['https://224.0.0.1/', 'ADDRESS_DENIED'],
  ['https://255.255.255.255/', 'ADDRESS_DENIED'],
  ['https://[::1]/', 'ADDRESS_DENIED'],
  ['https://[::]/', 'ADDRESS_DENIED'],
  ['https://[::ffff:127.0.0.1]/', 'ADDRESS_DENIED'],
  ['https://[::ffff:a9fe:a9fe]/', 'ADDRESS_DENIED'],
  ['https://[fc00::1]/', 'ADDRESS_DENIED'],
  ['https://[fe80::1]/', 'ADDRESS_DENIED'],
  ['https://[64:ff9b::7f00:1]/', 'ADDRESS_DENIED'],
  ['https://[2002:7f00:1::]/', 'ADDRESS_DENIED'],
  ['https://localhost/', 'ADDRESS_DENIED'],
] as const)('rejects %s before a connection', async (url, fault) => {
  // The Request constructor itself rejects credentials in a URL.
  if (fault === undefined) await expect(strict(url)).rejects.toThrow(TypeError);
  else expect(await faultOf(strict(url))).toBe(fault);
  expect(hits).toEqual([]);
});

test('rejects a name with any address that is not public', async () => {
  const lookup = ((_: string, __: object, callback: (error: null, addresses: object[]) => void) =>
    callback(null, [
      { address: '93.184.216.34', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ])) as unknown as NonNullable<Parameters<typeof createOutgoingFetch>[0]>['lookup'] & object;
  expect(await faultOf(createOutgoingFetch({ lookup })('https://rebind.example/'))).toBe('ADDRESS_DENIED');
});

test('connects to the address that was checked, and resolves the name once', async () => {
  const { port } = server.address() as AddressInfo;
  let lookups = 0;
  const lookup = ((_: string, __: object, callback: (error: null, addresses: object[]) => void) => {
    lookups += 1;
    // A second answer would be another one.
    callback(null, [{ address: lookups === 1 ? '127.0.0.2' : '10.0.0.1', family: 4 }]);
  }) as unknown as NonNullable<Parameters<typeof createOutgoingFetch>[0]>['lookup'] & object;
  const fetch = createOutgoingFetch({ allowed: parseNetworks(['127.0.0.0/8']), lookup });
  // Nothing speaks TLS there: the connection itself is what is asked for.
  expect(await faultOf(fetch(`https://rebind.example:${port}/`))).toBe('UNREACHABLE');
  expect(lookups).toBe(1);
});

test('reaches a network that the operator allows, and returns status, headers and body', async () => {
  const response = await local(`${origin}/echo`, { method: 'POST', body: 'hello' });
  expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
    200,
    'text/plain',
    'hello',
  ]);
  expect((await local(`${origin}/none`)).status).toBe(204);
  expect(hits).toEqual(['POST /echo', 'GET /none']);
});

test('follows no redirect', async () => {
  expect(await faultOf(local(`${origin}/redirect`))).toBe('REDIRECTED');
});

test('rejects a response that is larger than the limit', async () => {
  expect(await faultOf(local(`${origin}/large`, { maxBytes: 4095 }))).toBe('TOO_LARGE');
  expect((await local(`${origin}/large`, { maxBytes: 4096 })).status).toBe(200);
});

test('gives up a response that does not end in time', async () => {
  expect(await faultOf(local(`${origin}/never`, { timeoutMs: 200 }))).toBe('TIMED_OUT');
});

test('ends with the caller’s signal', async () => {
  const abort = new AbortController();
  const request = faultOf(local(`${origin}/never`, { signal: abort.signal }));
  abort.abort();
  expect(await request).toBe('TIMED_OUT');
});

test('a name is called over http where all that it stands for is in the allowed networks', async () => {
  const { port } = server.address() as AddressInfo;
  const names = (...addresses: string[]) =>
    ((_: string, __: object, callback: (error: null, found: object[]) => void) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      )) as unknown as NonNullable<Parameters<typeof createOutgoingFetch>[0]>['lookup'] & object;
  const allowed = parseNetworks(['127.0.0.0/8']);
  const call = (...addresses: string[]) =>
    createOutgoingFetch({ allowed, lookup: names(...addresses) })(`http://app.internal:${port}/x`);
  expect((await call('127.0.0.1')).status).toBe(200);
  expect(await faultOf(call('127.0.0.1', '93.184.216.34'))).toBe('ADDRESS_DENIED');
  expect(await faultOf(call('93.184.216.34'))).toBe('ADDRESS_DENIED');
  expect(await faultOf(createOutgoingFetch({ allowed })('http://93.184.216.34/'))).toBe('URL_DENIED');
  expect(await faultOf(strict(`http://localhost:${port}/`))).toBe('URL_DENIED');
});
