import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { startTestApp, useTestApp } from '../support/app.ts';
import { createDescriptionCheck, readDescription, routesIn } from '../support/openapi.ts';

const testApp = useTestApp();

const names = ['openapi', 'openapi.connect'] as const;

test.each(names)('%s is valid OpenAPI 3.1', async (name) => {
  const validator = new Validator();
  const description = await (await fetch(`${testApp().url}/${name}.json`)).json();
  expect(await validator.validate(description as Record<string, unknown>)).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
});

test('the description names where REST is mounted, and is the committed one besides', async () => {
  const served = (await (await fetch(`${testApp().url}/openapi.json`)).json()) as { servers: unknown };
  expect(served.servers).toEqual([{ url: '/' }, { url: '/manam' }]);
  expect(served).toEqual({ ...readDescription(), servers: served.servers });
  const other = await startTestApp({ config: { restPrefixes: ['/identity'] } });
  const moved = (await (await fetch(`${other.url}/openapi.json`)).json()) as { servers: unknown };
  expect(moved.servers).toEqual([{ url: '/identity' }]);
  await other.close();
});

test.each(names)('every address that %s describes is there, and asks for what it says', async (name) => {
  const check = createDescriptionCheck(name);
  const routes = routesIn(readDescription(name));
  expect(routes.length).toBeGreaterThan(100);
  for (const { httpMethod, path, operation } of routes) {
    const { security = [] } = operation;
    const namesTenant = security.some((each) => 'tenant' in each || 'application' in each);
    const target = path.replace('/t/{tenant}/', '/t/dev/').replaceAll(/\{\w+\}/g, 'x');
    const headers = {
      'content-type': 'application/json',
      ...(namesTenant && !target.startsWith('/t/') && { 'manam-tenant': 'dev' }),
    };
    const answer = await fetch(testApp().url + target, {
      method: httpMethod,
      headers,
      ...(httpMethod === 'POST' && { body: '{}' }),
    });
    // Without a key no one comes in; where there is no route it would be 404.
    expect(answer.status, `${httpMethod} ${path}`).toBe(401);
    expect(check.answer(httpMethod, target, 401, await answer.json()), path).toEqual([]);
  }
});

test('both descriptions have every call once, by the same id, with a text and its errors', () => {
  const [rest = [], connect = []] = names.map((name) =>
    Object.values(readDescription(name).paths).flatMap((path) => Object.values(path)),
  );
  const ids = (operations: typeof rest) => operations.map(({ operationId }) => operationId).sort();
  expect(new Set(ids(connect)).size).toBe(connect.length);
  expect(ids(rest)).toEqual(ids(connect));
  for (const { operationId, summary, description, responses } of [...rest, ...connect]) {
    expect(summary, operationId).toMatch(/^[A-Z][\w ]+$/);
    expect(description, operationId).toMatch(/^[A-Z].*\n\nNeeds /s);
    expect(Object.keys(responses), operationId).toEqual(
      expect.arrayContaining(['400', '401', '403', '500', '503']),
    );
    const [success] = Object.keys(responses);
    expect(success, operationId).toMatch(/^20[01]$/);
  }
});

test('the reference and all it loads come from here, packed where the browser takes it', async () => {
  const { url } = testApp();
  const page = await fetch(`${url}/docs`);
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self'; style-src 'self';");
  const loaded = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '');
  expect(loaded.slice(1).every((path) => path.startsWith('/account/-/'))).toBe(true);
  expect(loaded.length).toBeGreaterThan(2);
  for (const path of loaded.slice(1)) {
    const packed = await fetch(url + path, { headers: { 'accept-encoding': 'gzip' } });
    const plain = await fetch(url + path, { headers: { 'accept-encoding': 'identity' } });
    expect([packed.status, packed.headers.get('content-encoding')]).toEqual([200, 'gzip']);
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await packed.text()).toBe(await plain.text());
  }
  expect((await fetch(`${url}/docs`, { method: 'POST' })).status).toBe(405);
  // As it stands: fetch would tidy the path up first.
  const { port, hostname: host } = new URL(url);
  const raw = request({ host, port, path: '/docs/../../package.json' });
  raw.end();
  const [answer] = (await once(raw, 'response')) as [IncomingMessage];
  expect(answer.statusCode).toBe(404);
  answer.resume();
});
