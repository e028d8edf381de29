import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, describe, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { useTestApp } from '../support/app.ts';
import { runCommand } from '../support/command.ts';
import { bearer, signUp } from '../support/journey.ts';

const testApp = useTestApp();
const folder = mkdtempSync(join(tmpdir(), 'manam-tenant-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the commands of a tenant', () => {
  const tenantEnv = () => ({ MANAM_URL: testApp().url, MANAM_KEY: testApp().dev.secret });
  const run = (...args: string[]) => runCommand(args, tenantEnv());

  test('list events by type', async () => {
    const { userId } = await signUp(testApp());
    while ((await run('events', 'list', '--type', 'session.started')).out.includes(userId) === false)
      await pause(50);
    const listed = await run('events', 'list', '--type', 'user.registered', '--json');
    const lines = listed.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ type: 'user.registered', user_id: userId, outcome: 'success' });
    expect(lines.every(({ type }) => type === 'user.registered')).toBe(true);
  });

  test('manage webhooks', async () => {
    const made = await run('webhook', 'create', 'https://app.example.com/hook', '--type', 'user.');
    const [id = '', secret] = made.out.trim().split('\n');
    expect(secret).toMatch(/^whsec_/);
    expect((await run('webhook', 'list')).out).toMatch(new RegExp(`${id} +enabled +- +user\\. +https://app`));
    for (const [name, out] of [
      ['test', 'queued: see webhook deliveries\n'],
      ['disable', 'off\n'],
      ['enable', 'on\n'],
    ] as const)
      expect(await run('webhook', name, id)).toMatchObject({ code: 0, out });
    const updated = await run('webhook', 'update', id, '--to', 'https://b.example.com/hook', '--type', '*');
    expect(updated.out).toMatch(new RegExp(`${id} +enabled +- +all +https://b\\.example`));
    expect((await run('webhook', 'update', id, '--description', 'for people')).out).toContain(
      'b.example.com',
    );
    expect((await run('webhook', 'rotate-secret', id)).out).toMatch(/^whsec_/);
    expect((await run('webhook', 'replay', id)).out).toMatch(/^\d+ deliver/);
    const deliveries = JSON.parse((await run('webhook', 'deliveries', id, '--json')).out) as {
      deliveries: { delivery_id: string }[];
    };
    const [first] = deliveries.deliveries;
    if (first !== undefined) {
      expect((await run('webhook', 'delivery', first.delivery_id)).out).toContain('"type":"');
      expect((await run('webhook', 'retry', first.delivery_id)).out).toBe('due now\n');
    }
    expect(await run('webhook', 'delete', id)).toMatchObject({ code: 4 });
    expect(await run('webhook', 'delete', id, '--yes')).toMatchObject({ code: 0, out: 'deleted\n' });
    expect(await run('webhook', 'test', id)).toMatchObject({ code: 3 });
  });

  test('explain a session', async () => {
    const { accessToken } = await signUp(testApp());
    const { sid } = decodeJwt<{ sid: string }>(accessToken);
    await testApp()
      .client(AuthService, { apieco_key: testApp().dev.publishable, ...bearer(accessToken) })
      .logout({});
    await expect
      .poll(async () => (await run('session', 'explain', sid)).out, { timeout: 30_000 })
      .toMatch(/^ended: .*signed out[\s\S]*session\.started[\s\S]*session\.ended/);
    expect(await run('session', 'explain', 'nothing')).toMatchObject({ code: 3 });
  });

  test('need a service and a key', async () => {
    const lost = await runCommand(['events', 'list'], { MANAM_DATA: folder });
    expect(lost).toMatchObject({ code: 2, err: expect.stringContaining('MANAM_URL and MANAM_KEY') });
  });
});
