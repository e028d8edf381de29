import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { startServerProcess } from '../support/server-process.ts';

type Attribute = {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: unknown };
};
type Span = {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly attributes: Attribute[];
  readonly status: { readonly code?: number };
};
type Export = {
  readonly resourceSpans: {
    readonly resource: { readonly attributes: Attribute[] };
    readonly scopeSpans: { readonly spans: Span[] }[];
  }[];
};

const attributesOf = ({ attributes }: { readonly attributes: Attribute[] }) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));

test('stops cleanly without a reachable trace collector', async () => {
  const database = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'manam-traces-'));
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  const { child, url } = await startServerProcess(database.url, folder, env);
  await fetch(`${url}/healthz`);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  await database.drop();
  rmSync(folder, { recursive: true });
}, 60_000);

test('with the standard variables set, calls are traced on from the caller’s trace, and no value of a statement leaves', async () => {
  const exports: Export[] = [];
  const collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      exports.push(JSON.parse(Buffer.concat(chunks).toString()) as Export);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const database = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'manam-traces-'));
  const { child, url, key } = await startServerProcess(database.url, folder, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  });
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  await fetch(`${url}/auth/login`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      apieco_key: key,
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    },
    body: JSON.stringify({ email: 'canary@example.com', password: 'canary-orbit-lantern-5' }),
  });
  // Whatever is under way is sent before the process ends.
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(0);
  collector.close();

  const text = JSON.stringify(exports);
  const resource = attributesOf(exports[0]?.resourceSpans[0]?.resource ?? { attributes: [] });
  expect(resource).toMatchObject({ 'service.name': 'manam', 'deployment.environment.name': 'test' });
  expect(text).not.toContain('canary');
  expect(text).not.toContain(key);
  const spans = exports.flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap((each) => each.scopeSpans.flatMap((scope) => scope.spans)),
  );
  const call = spans.find(({ name }) => name === 'manam.v1.AuthService/Login');
  expect(call).toMatchObject({ traceId, parentSpanId: '00f067aa0ba902b7', kind: 2 });
  expect(attributesOf(call ?? { attributes: [] })).toMatchObject({
    'rpc.service': 'manam.v1.AuthService',
    'rpc.method': 'Login',
    'manam.protocol': 'rest',
    'http.response.status_code': 401,
    'error.type': 'CREDENTIALS_INVALID',
  });
  const statements = spans.filter(({ parentSpanId }) => parentSpanId === call?.spanId);
  expect(statements.length).toBeGreaterThan(2);
  for (const statement of statements) {
    expect(statement).toMatchObject({
      traceId,
      kind: 3,
      name: expect.stringMatching(/^(SELECT|INSERT|UPDATE|DELETE)$/),
    });
    expect(attributesOf(statement)['db.query.text']).toMatch(/\?/);
  }
  await database.drop();
  rmSync(folder, { recursive: true });
}, 60_000);
