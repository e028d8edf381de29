import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { made } from '../../tools/contract/examples.ts';
import { startDns, type TestDns } from '../support/dns.ts';
import { permissive } from '../support/examples/actors.ts';
import { createScenes, type Scenes } from '../support/examples/scenes.ts';
import { changePolicy, freePort } from '../support/federation.ts';
import { createDescriptionCheck, type Operation, readDescription } from '../support/openapi.ts';
import { startConnectedApp } from '../support/providers.ts';

// Every call of the descriptions has an example, and a new development server takes it. What only the server or a
// device can make is put in its place; everything else is sent as it stands.

const fill = <T>(example: T, live: Readonly<Record<string, string>>): T => {
  const text = Object.entries(live).reduce(
    (filled, [name, value]) => filled.replaceAll(name, () => JSON.stringify(value).slice(1, -1)),
    JSON.stringify(example),
  );
  return JSON.parse(text) as T;
};

const callsOf = (name: 'openapi' | 'openapi.connect') =>
  Object.entries(readDescription(name).paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      name: operation.operationId,
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );

/** Deleting the tenant ends everything else. */
const inOrder = (calls: ReturnType<typeof callsOf>) => [
  ...calls.filter(({ name }) => name !== 'deleteTenant'),
  ...calls.filter(({ name }) => name === 'deleteTenant'),
];

/** The request of a description's own example. */
function requestOf(path: string, { parameters = [], requestBody }: Operation, live: Record<string, string>) {
  const given = (place: string) =>
    parameters
      .filter((each) => each.in === place && each.example !== undefined)
      .map(({ name, example }) => [name, fill(example, live)] as const);
  const inPath = new Map(given('path'));
  const query = new URLSearchParams();
  for (const [name, value] of given('query'))
    for (const each of [value].flat()) query.append(name, String(each));
  const address = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(inPath.get(name))),
  );
  const json = requestBody?.content['application/json'];
  return {
    headers: Object.fromEntries(given('header')) as Record<string, string>,
    address: query.size === 0 ? address : `${address}?${query}`,
    body: json === undefined ? undefined : fill(json.example, live),
  };
}

describe.each(['openapi', 'openapi.connect'] as const)('the examples of %s', (description) => {
  let dns: TestDns;
  let app: Awaited<ReturnType<typeof startConnectedApp>>;
  let scenes: Scenes;
  const described = createDescriptionCheck(description);

  beforeAll(async () => {
    dns = await startDns();
    const port = await freePort();
    // Passkeys belong to a name.
    const origin = `http://localhost:${port}`;
    app = await startConnectedApp({ config: { port, issuer: origin, dnsServers: [dns.server] } });
    await changePolicy(app.test, permissive);
    scenes = createScenes({ ...app, dns, origin });
  });
  afterAll(async () => {
    await app.close();
    dns.close();
  });

  test.each(inOrder(callsOf(description)))('$name succeeds', async ({ name, method, path, operation }) => {
    const prepared = await scenes.prepare[name]?.();
    const headers = prepared?.headers ?? (await scenes.headersFor(operation.security ?? []));
    const { address, body, headers: own } = requestOf(path, operation, { ...prepared?.live });
    expect(JSON.stringify([address, body]).match(/"(undefined|)"|undefined/)).toBeNull();
    if (body !== undefined) expect(described.request(method, path, body)).toEqual([]);
    const response = await fetch(app.test.url + address, {
      method,
      headers: { ...own, ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    expect(response.ok, `${response.status} ${address} ${text.slice(0, 600)}`).toBe(true);
    if (response.headers.get('content-type')?.includes('json'))
      expect(described.answer(method, path, response.status, JSON.parse(text))).toEqual([]);
  });
});

test('no two values that stand for another are parts of one another', () => {
  const values = Object.values(made);
  for (const value of values)
    expect(values.filter((each) => each !== value && each.includes(value))).toEqual([]);
});
