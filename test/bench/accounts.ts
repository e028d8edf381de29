import { createConnection } from 'mysql2/promise';
import { type Answer, createHttpClient, type HttpClient } from './calls.ts';
import { seededEmail, seedUsers } from './seed.ts';
import type { BenchServer } from './server.ts';
import { closedLoop, type Side } from './slices.ts';
import { bodies } from './wrk.ts';

/** The password of every account of the bench. */
export const password = 'quiet-orbit-lantern-47';

export const json = { 'content-type': 'application/json' };
export const form = { 'content-type': 'application/x-www-form-urlencoded' };
/** Bodies with a number between two texts. */
const numbered = (max: number, before: string, after: string) =>
  bodies(`'${before}' .. math.random(0, ${max}) .. '${after}'`);

/** Sign-ins of some of the accounts whose addresses begin so, and sign-ups of addresses that have none. */
export const signInBodies = (users: number, start: string, suffix: string) =>
  numbered(users - 1, `{"email":"${start}`, `${suffix}","password":"${password}"}`);
export const signUpBodies = (more = '') =>
  numbered(2 ** 50, '{"email":"new', `@bench.example","password":"${password}"${more}}`);

type Tokens = { readonly access_token: string; readonly refresh_token: string };

const tokensOf = async (answer: Promise<Answer>) => JSON.parse((await answer).body) as Tokens;

export type Accounts = {
  /** The headers of the tenant's key. */
  readonly key: Readonly<Record<string, string>>;
  /** Signs some account in. */
  login(): Promise<Tokens>;
  /** Callers that each refresh a separate session repeatedly. */
  refreshing(callers: number): Promise<Side>;
  /** Registers an account that no one has. */
  register(): Promise<unknown>;
};

/** Registers an account, confirms it, and copies it in the database. */
export async function makeAccounts(
  server: BenchServer,
  http: HttpClient,
  users: number,
  tenant: 'dev' | 'manam' = 'dev',
): Promise<Accounts> {
  const key = { apieco_key: server.keys[tenant] };
  const template = `${tenant}@bench.example`;
  await signUp(http, key, template);
  const connection = await createConnection(server.databaseUrl);
  await seedUsers(connection, { template, users, label: `users of ${tenant}` });
  await connection.end();
  const login = async () => {
    const email = seededEmail(Math.floor(Math.random() * users));
    return await tokensOf(http.succeed('POST', '/auth/login', key, { email, password }));
  };
  return {
    key,
    login,
    refreshing: async (callers) => {
      const sessions = await Promise.all(Array.from({ length: callers }, login));
      return closedLoop(callers, (caller) => async () => {
        const body = { refresh_token: sessions[caller]?.refresh_token };
        sessions[caller] = await tokensOf(http.succeed('POST', '/auth/refreshToken', key, body));
      });
    },
    register: () => http.succeed('POST', '/auth/register', key, { email: freshEmail(), password }),
  };
}

/** Registers an account and confirms it with the code of the captured message. */
export async function signUp(http: HttpClient, key: Record<string, string>, email: string): Promise<void> {
  await http.succeed('POST', '/auth/register', key, { email, password });
  const { body } = await http.succeed('GET', `/dev/messages?to=${encodeURIComponent(email)}`, {});
  const [message] = JSON.parse(body) as { code: string }[];
  await http.succeed('POST', '/auth/confirm_email', key, { cnf: message?.code });
}

/** An address that has no account. */
export function freshEmail(): string {
  return `new${Math.random().toString(36).slice(2)}@bench.example`;
}

/** Starts work with a server and a client of it, and stops them after. */
export async function withServer<T>(
  server: BenchServer,
  work: (server: BenchServer, http: HttpClient) => Promise<T>,
): Promise<T> {
  const http = createHttpClient(server.url);
  try {
    return await work(server, http);
  } finally {
    http.close();
    await server.stop();
  }
}
