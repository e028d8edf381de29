import { makeAuthenticator, type Options } from '../../support/authenticator.ts';
import { makeAccounts, password, signUp, withServer } from '../accounts.ts';
import type { HttpClient } from '../calls.ts';
import { atMost, type Row } from '../report.ts';
import { startServer } from '../server.ts';
import { closedLoop, compare, round, warmUp } from '../slices.ts';
import { meter } from '../usage.ts';
import type { Scenario } from './scenario.ts';

/** The origin of the page that has the passkeys. */
export const origin = 'http://localhost:3000';
const sliceMs = 1500;

/** A sign-in by passkey beside one by password, in the time that the server works for it. */
export const passkeys: Scenario = async ({ options, database }) => {
  const { seconds, concurrency, users, workers } = options;
  const started = await startServer({
    databaseUrl: await database.urlOf('passkeys'),
    workers,
    env: { RESPONSE_FLOOR_MS: '0', MANAM_ISSUER: origin },
  });
  return await withServer(started, async (server, http) => {
    const { key, login } = await makeAccounts(server, http, users);
    const callers = await Promise.all(
      Array.from({ length: concurrency }, (_, caller) => makeCaller(http, key, caller)),
    );
    const byPasskey = meter(
      server,
      database,
      closedLoop(concurrency, (caller) => async () => callers[caller]?.()),
    );
    const byPassword = meter(
      server,
      database,
      closedLoop(concurrency, () => login),
    );
    await warmUp(byPasskey.side, byPassword.side);
    const { a, b } = await compare({ seconds, sliceMs, a: byPasskey.side, b: byPassword.side });
    const [own, other] = [byPasskey.cost(), byPassword.cost()];
    const row: Row = {
      a,
      b,
      name: 'sign-in by passkey (start and finish)',
      against: 'Login, by server time',
      ratio: round(own.serverCpuMs / other.serverCpuMs),
      goal: atMost(0.2),
      cost: own,
      more: { 'Login ms CPU': other.serverCpuMs },
    };
    return [row];
  });
};

/** An account with a passkey; each call of it is a sign-in. */
export async function makeCaller(
  http: HttpClient,
  key: Readonly<Record<string, string>>,
  caller: number,
): Promise<() => Promise<unknown>> {
  const email = `passkey${caller}@bench.example`;
  await signUp(http, key, email);
  const authenticator = makeAuthenticator({ origin, isSynced: true });
  const post = async (path: string, body: object, session = {}) =>
    JSON.parse((await http.succeed('POST', path, { ...key, ...session }, body)).body) as {
      readonly access_token: string;
      readonly options: Options;
    };
  const { access_token: token } = await post('/auth/login', { email, password });
  const session = { authorization: `Bearer ${token}` };
  const { options } = await post('/auth/passkeys/registration/start', {}, session);
  const credential = authenticator.create(options);
  await post('/auth/passkeys/registration/finish', { credential }, session);
  return async () => {
    const asked = await post('/auth/passkeys/sign-in/start', {});
    await post('/auth/passkeys/sign-in/finish', { credential: authenticator.get(asked.options) });
  };
}
