import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { deliveryBatch } from '../../src/domain/delivery.ts';
import { freshEmail, password, startTestApp } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { tell } from '../support/figures.ts';
import { clientsOf, developmentMasterKeys, startServerProcess } from '../support/server-process.ts';
import { smtpTo, startSmtpServer } from '../support/smtp-server.ts';

/** Duration of the kills in milliseconds; at least four happen. */
const boxMs = 10_000;

test('a kill at any time loses no message, and duplicates share an id', async () => {
  const database = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'manam-delivery-'));
  let onReceived = () => {};
  const smtp = await startSmtpServer();
  const push = smtp.received.push.bind(smtp.received);
  smtp.received.push = (...mails) => {
    const length = push(...mails);
    // The server's 250 is about to go out: the moment between it and our note.
    onReceived();
    return length;
  };
  const env = { SMTP_URL: `smtp://127.0.0.1:${smtp.port}`, SMTP_REQUIRE_TLS: 'false' };

  const promised: string[] = [];
  let kills = 0;
  const until = performance.now() + boxMs;
  while (kills < 4 || performance.now() < until) {
    const server = await startServerProcess(database.url, folder, env);
    const exited = new Promise((resolve) => server.child.once('exit', resolve));
    let alive = true;
    const kill = () => {
      if (!alive) return;
      alive = false;
      server.child.kill('SIGKILL');
    };
    // By turns: just after a mail was taken, and at any moment between commit and send.
    if (kills % 2 === 0) onReceived = () => setImmediate(kill);
    else setTimeout(kill, 100 + Math.random() * 900);
    const { auth } = clientsOf(server);
    while (alive) {
      const email = freshEmail();
      await auth.register({ email, password }).then(
        () => promised.push(email),
        () => {},
      );
    }
    onReceived = () => {};
    await exited;
    kills += 1;
  }

  // The last instance takes over the messages of the killed ones after their one-minute lease.
  const app = await startTestApp({
    database: database.url,
    masterKeys: developmentMasterKeys(folder),
    config: {
      smtp: smtpTo(smtp.port),
    },
  });
  const missing = () => {
    const reached = new Set(smtp.received.flatMap(({ envelope }) => envelope.to));
    return promised.filter((email) => !reached.has(email));
  };
  for (let count = 0; count < 200 && missing().length > 0; count += 1) {
    // A minute each time, because what is in hand while the time leaps has lost its claim too.
    if (count % 40 === 0) app.advance(61_000);
    await pause(50);
  }
  expect(missing()).toEqual([]);

  const idsByRecipient = new Map<string, Set<string>>();
  for (const { envelope, parsed } of smtp.received) {
    const [to = ''] = envelope.to;
    idsByRecipient.set(to, (idsByRecipient.get(to) ?? new Set()).add(parsed.messageId ?? ''));
  }
  // One message a registration: whatever came twice came with the same id.
  expect([...idsByRecipient.values()].filter(({ size }) => size > 1)).toEqual([]);
  const duplicates = smtp.received.length - idsByRecipient.size;
  // An instance has a few in hand, and each of them may be lost with it.
  expect(duplicates).toBeLessThanOrEqual(kills * deliveryBatch);
  tell('kills around sending', { kills, promised: promised.length, duplicates });
  await app.close();
  await smtp.close();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
}, 180_000);
