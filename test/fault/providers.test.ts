import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { freshEmail, password, startTestApp } from '../support/app.ts';
import { tell } from '../support/figures.ts';
import { startGateway } from '../support/gateway.ts';
import { freshMobile } from '../support/journey.ts';
import { refusal, smtpTo, startSmtpServer } from '../support/smtp-server.ts';

// Mail servers and gateways that do what they like (security.md, FI9 and FI10). Google's faults are in
// test/attack/google.test.ts.

test('failing mail servers and gateways delay messages but no call, and lose none', async () => {
  let faults = 0;
  const turn = () => {
    faults += 1;
    return faults % 5;
  };
  const smtp = await startSmtpServer({
    onMailFrom: (_, __, done) => {
      const what = turn();
      if (what === 1) return done(refusal(421, 'try later'));
      if (what === 2) return done(refusal(451, 'busy'));
      if (what === 3) return done(refusal(454, 'not now'));
      return done();
    },
  });
  const taken = new Map<string, Set<string>>();
  const gateway = await startGateway(({ body, headers }, index) => {
    const { to } = JSON.parse(body) as { to: string };
    if (index % 4 === 0) return { status: 500, body: 'out of order' };
    if (index % 4 === 1) return { status: 429, body: '<html>' };
    taken.set(to, (taken.get(to) ?? new Set()).add(String(headers['webhook-id'])));
    // Taken, and told in a way that no one understands.
    return index % 4 === 2 ? { status: 200, body: '{"garbage' } : { status: 204, body: '' };
  });
  const app = await startTestApp({
    config: {
      smtp: smtpTo(smtp.port),
      sms: {
        provider: 'webhook',
        url: gateway.url,
        account: '',
        secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
        from: '',
      },
    },
  });
  const auth = app.client(AuthService);
  const emails = Array.from({ length: 20 }, () => freshEmail());
  const mobiles = Array.from({ length: 20 }, () => freshMobile());
  let slowestMs = 0;
  for (let index = 0; index < 20; index += 1) {
    const startedAt = performance.now();
    await auth.register({ email: emails[index] ?? '', password });
    await auth.register({ type: IdentifierType.MOBILE, mobile: mobiles[index] ?? '', password });
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
  }
  const reached = () => new Set(smtp.received.flatMap(({ envelope }) => envelope.to));
  const numbers = mobiles.map((mobile) => `+98${mobile.slice(1)}`);
  for (let round = 0; round < 60; round += 1) {
    if (emails.every((email) => reached().has(email)) && numbers.every((number) => taken.has(number))) break;
    // A failed message is retried after ten seconds, then twenty, and so on.
    app.advance(45_000);
    await pause(700);
  }
  expect(emails.filter((email) => !reached().has(email))).toEqual([]);
  expect(numbers.filter((number) => !taken.has(number))).toEqual([]);
  // Duplicates have the same id, so the receiver can recognise them.
  for (const ids of taken.values()) expect(ids.size).toBe(1);
  for (const email of emails) {
    const ids = smtp.received
      .filter(({ envelope }) => envelope.to.includes(email))
      .map(({ parsed }) => parsed.messageId);
    expect(new Set(ids).size, email).toBe(1);
  }
  // Mail and SMS were far away when the calls were answered.
  expect(slowestMs).toBeLessThan(2000);
  tell('providers that fail', {
    faults,
    gatewayCalls: gateway.calls.length,
    slowestCallMs: Math.round(slowestMs),
  });
  await app.close();
  await smtp.close();
  await gateway.close();
}, 120_000);
