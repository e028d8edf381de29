import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect, test } from 'vitest';
import { Health } from '../../gen/health/v1/health_pb.js';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { defaultLimits, password, useTestApp } from '../support/app.ts';
import { thrownBy } from '../support/errors.ts';
import { protocols } from '../support/protocols.ts';

const testApp = useTestApp({
  config: {
    metrics: { host: '127.0.0.1', port: 0 },
    limits: { ...defaultLimits, attemptsPerNetwork: { ...defaultLimits.attemptsPerNetwork, max: 12 } },
  },
});

/** The figures whose name begins so, by their labels. */
async function figures(name: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${testApp().metricsUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(name));
  return Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')).slice(name.length),
      Number(line.slice(line.lastIndexOf(' '))),
    ]),
  );
}

test('calls are counted by method, protocol and reason, whatever they speak', async () => {
  const { url, dev } = testApp();
  const wrong = { email: 'nobody@example.com', password };
  for (const name of ['gRPC, Protobuf, HTTP/2', 'gRPC-Web, JSON, HTTP/1.1', 'Connect, JSON, HTTP/1.1']) {
    const protocol = protocols.find((each) => each.name === name);
    await thrownBy(
      protocol?.connect(AuthService, url, { apieco_key: dev.publishable }).login(wrong) ?? Promise.resolve(),
    );
  }
  const post = (path: string, body: string) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', apieco_key: dev.publishable },
      body,
    });
  await post('/auth/login', JSON.stringify(wrong));
  await post('/manam.v1.AuthService/Login', '{"nonsense":1}');
  await post('/auth/nowhere', '{}');
  await createClient(Health, createGrpcTransport({ baseUrl: url })).check({});

  const login = (protocol: string, reason: string) =>
    `{method="manam.v1.AuthService/Login",protocol="${protocol}",reason="${reason}"}`;
  expect(await figures('manam_calls_total')).toEqual({
    [login('grpc', 'CREDENTIALS_INVALID')]: 1,
    [login('grpc-web', 'CREDENTIALS_INVALID')]: 1,
    [login('connect', 'CREDENTIALS_INVALID')]: 1,
    [login('rest', 'CREDENTIALS_INVALID')]: 1,
    [login('connect', 'REQUEST_INVALID')]: 1,
    '{method="unknown",protocol="rest",reason="ROUTE_NOT_FOUND"}': 1,
    '{method="grpc.health.v1.Health/Check",protocol="grpc",reason="OK"}': 1,
  });
  const counts = await figures('manam_call_duration_seconds_count');
  expect(counts['{method="manam.v1.AuthService/Login",protocol="connect"}']).toBe(2);
});

test('counts rejections by limit, and reports queue and pool', async () => {
  const { client } = testApp();
  for (let call = 0; call <= 12; call += 1)
    await thrownBy(client(AuthService).login({ email: 'nobody@example.com', password }));
  expect((await figures('manam_limit_refusals_total'))['{limit="guess.network"}']).toBeGreaterThan(0);
  expect(await figures('manam_hash_queue')).toEqual({ '{state="running"}': 0, '{state="waiting"}': 0 });
  expect(await figures('manam_hash_refusals_total')).toEqual({ '': 0 });
  // The scrape itself asks the database for the messages that wait.
  expect(await figures('manam_database_connections')).toEqual({
    '{state="busy"}': expect.any(Number),
    '{state="waiting"}': 0,
  });
  expect((await figures('nodejs_eventloop_lag_p99_seconds'))['']).toBeGreaterThan(0);
});
