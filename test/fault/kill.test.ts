import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { generateSync } from 'otplib';
import { expect, test } from 'vitest';
import { freshEmail, password } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { tell } from '../support/figures.ts';
import { clientsOf, type ServerProcess, startServerProcess } from '../support/server-process.ts';

/** Duration of the kills in milliseconds; at least three happen. */
const boxMs = 8000;

async function codeFor({ url }: ServerProcess, to: string): Promise<string> {
  const [message] = (await (await fetch(`${url}/dev/messages?to=${to}`)).json()) as { code: string }[];
  return message?.code ?? '';
}

test('a kill at any moment of the enrolment leaves a factor with its codes, or neither', async () => {
  const database = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'manam-kill-'));
  const connection = await createConnection({ uri: database.url });
  const count = async (table: string, userId: string) => {
    const [rows] = await connection.query<RowDataPacket[]>(
      `SELECT COUNT(*) AS n FROM ${table} WHERE user_id = UNHEX(REPLACE(?, '-', ''))`,
      [userId],
    );
    return Number(rows[0]?.['n']);
  };

  const until = performance.now() + boxMs;
  const outcomes = { kills: 0, whole: 0, none: 0 };
  while (outcomes.kills < 3 || performance.now() < until) {
    const server = await startServerProcess(database.url, folder);
    const { auth } = clientsOf(server);
    const email = freshEmail();
    await auth.register({ email, password });
    await auth.confirmEmail({ cnf: await codeFor(server, email) });
    const { tokens, userId } = await auth.login({ email, password });
    const { two } = clientsOf(server, tokens?.accessToken);
    await two.sendTotpEmailVerification({});
    await two.confirmTotpEmail({ token: await codeFor(server, email) });
    const { secret } = await two.setupTotp({});

    const exited = new Promise((resolve) => server.child.once('exit', resolve));
    const acknowledged = two.confirmTotp({ code: generateSync({ secret }) }).then(
      ({ recoveryCodes }) => recoveryCodes.length,
      () => 0,
    );
    setTimeout(() => server.child.kill('SIGKILL'), Math.random() * 120);
    await exited;
    outcomes.kills += 1;
    const told = await acknowledged;
    // The database now commits or rolls back the transactions of the killed client.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const [factors, codes] = [await count('authenticators', userId), await count('recovery_codes', userId)];
    expect([
      [0, 0],
      [1, 10],
    ]).toContainEqual([factors, codes]);
    // An acknowledged enrolment is there.
    expect(factors * 10).toBeGreaterThanOrEqual(told);
    outcomes[factors === 1 ? 'whole' : 'none'] += 1;
  }
  tell('kills around ConfirmTotp', outcomes);
  await connection.end();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);
