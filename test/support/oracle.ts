import { setTimeout as pause } from 'node:timers/promises';
import { type Client, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import type { RowDataPacket } from 'mysql2/promise';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { type Reason, readFailure } from '../../src/clients/failure.ts';
import { freshEmail } from './app.ts';

// An oracle in the sense of testing: it knows every call that was acknowledged, and afterwards holds the
// database and the mailbox against it (N1 to N5 of the fault list).

type Clients = {
  readonly auth: Client<typeof AuthService>;
  readonly profile: Client<typeof ProfileService>;
  readonly recovery: Client<typeof RecoveryService>;
};

/** The permitted errors during a fault; any other is a finding. */
const outages = new Set<Reason | undefined>(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RATE_LIMITED', 'CONFLICT']);
/** Calls of unknown outcome that may have ended a session. */
const endsSessions = new Set(['RefreshToken', 'ChangePassword', 'EndRecovery']);
/** Longest permitted call: the server's deadline plus the transport (N5). */
const longestMs = 10_500;
/** How long a person tries to sign in once the fault is over. */
const patienceMs = 30_000;

type Person = {
  readonly email: string;
  /** End of their activity. */
  untilMs: number;
  isRegistered: boolean;
  isConfirmed: boolean;
  confirmToken: string;
  /** A token that has replaced a password. */
  recoveryToken: string;
  /** The valid passwords: the newest, and during an unknown change the one before too. */
  passwords: string[];
  accessToken: string;
  refreshToken: string;
  /** The newest number that EditUser has acknowledged, and the newest that it was asked to write. */
  acknowledged: number;
  asked: number;
  /** Whether a call of this session ended without an answer: then its session may have ended with it. */
  isUnsure: boolean;
};

export type OracleOptions = {
  /** The instances, to be called by turns. */
  readonly urls: () => readonly string[];
  readonly key: string;
  /** Number of concurrent people. Default: 8. */
  readonly people?: number;
  /** Whether a connection that breaks is expected, because instances are killed. */
  readonly expectsBreaks?: boolean;
};

/** A call that was not answered as it should have been. */
export type Outage = {
  readonly call: string;
  /** The instance that was called. */
  readonly url: string;
  /** When it ended, by `performance.now()`. */
  readonly endedAt: number;
};

export type Report = {
  readonly calls: number;
  readonly acknowledged: number;
  readonly outages: number;
  readonly why: readonly Outage[];
  readonly longestMs: number;
  readonly people: number;
};

export function createOracle({ urls, key, people: count = 8, expectsBreaks = false }: OracleOptions) {
  const everybody: Person[] = [];
  const findings: string[] = [];
  const tally = { calls: 0, acknowledged: 0, outages: 0, longestMs: 0, why: [] as Outage[] };
  let isStopping = false;
  let turn = 0;
  /** The wait that the newest failure asked for. */
  let toldToWaitMs = 0;
  let running: Promise<unknown> = Promise.resolve();
  const known = new Map<string, Clients>();

  function nextUrl(): string {
    turn += 1;
    const all = urls();
    return all[turn % all.length] ?? '';
  }

  function clientsOf(baseUrl: string): Clients {
    const made = known.get(baseUrl) ?? connectTo(baseUrl, key);
    known.set(baseUrl, made);
    return made;
  }

  /** Makes a call; undefined where it ended without an answer that counts. */
  async function attempt<T>(
    what: string,
    person: Person,
    call: (to: Clients) => Promise<T>,
    allowed: readonly Reason[] = [],
  ): Promise<T | Reason | undefined> {
    const startedAt = performance.now();
    const url = nextUrl();
    tally.calls += 1;
    try {
      const answer = await call(clientsOf(url));
      tally.acknowledged += 1;
      return answer;
    } catch (error) {
      const { reason, retryAfterMs = 0 } = readFailure(error);
      toldToWaitMs = Math.min(retryAfterMs, patienceMs);
      if (reason !== undefined && allowed.includes(reason)) return reason;
      const isBreak = reason === undefined && expectsBreaks && error instanceof ConnectError;
      if (isBreak || (outages.has(reason) && reason !== undefined)) {
        tally.outages += 1;
        const endedAt = performance.now();
        tally.why.push({ call: `${what}: ${reason ?? String(error)}`, url, endedAt });
      } else findings.push(`${what} of ${person.email} failed: ${reason ?? String(error)}`);
      if (endsSessions.has(what)) person.isUnsure = true;
      return undefined;
    } finally {
      const ms = performance.now() - startedAt;
      tally.longestMs = Math.max(tally.longestMs, ms);
      if (ms > longestMs) findings.push(`${what} took ${Math.round(ms)} ms`);
    }
  }

  /** Tries until it is acknowledged, as a client does that has been told to return. */
  async function insist<T>(
    what: string,
    person: Person,
    call: (to: Clients) => Promise<T>,
  ): Promise<T | undefined> {
    while (!isStopping) {
      const answer = await attempt(what, person, call);
      if (answer !== undefined) return answer as T;
      await pause(150 + Math.random() * 200);
    }
    return undefined;
  }

  async function newestToken(to: string, parameter: string): Promise<string> {
    for (let tries = 0; tries < 100; tries += 1) {
      const all = urls();
      const response = await fetch(`${all[tries % all.length]}/dev/messages?to=${to}`).catch(() => undefined);
      if (!response?.ok) {
        // While no one can look, nothing is missing.
        tries -= 1;
        if (isStopping) return '';
        await pause(100);
        continue;
      }
      const messages = (await response.json()) as { link: string; code: string }[];
      const found = messages.find(({ link }) => link.includes(`${parameter}=`));
      if (found !== undefined) return found.code;
      if (isStopping) return '';
      await pause(100);
    }
    findings.push(`no message came to ${to} (N2)`);
    return '';
  }

  async function live(person: Person): Promise<void> {
    const { email } = person;
    const idempotencyKey = { headers: { 'idempotency-key': email } };
    const password = person.passwords[0] ?? '';
    if (
      (await insist('Register', person, ({ auth }) => auth.register({ email, password }, idempotencyKey))) ===
      undefined
    )
      return;
    person.isRegistered = true;
    person.confirmToken = await newestToken(email, 'cnf');
    const cnf = person.confirmToken;
    if (
      (await insist('ConfirmEmail', person, ({ auth }) => auth.confirmEmail({ cnf }, idempotencyKey))) ===
      undefined
    )
      return;
    person.isConfirmed = true;
    while (!isStopping && performance.now() < person.untilMs) {
      if (person.accessToken === '') await signIn(person);
      else await act(person);
      await pause(Math.random() * 30);
    }
  }

  async function signIn(person: Person): Promise<void> {
    const { email } = person;
    const [password] = person.passwords;
    if (password === undefined) {
      findings.push(`none of the passwords of ${email} opens the account (N1)`);
      person.untilMs = 0;
      return;
    }
    // Where a change is unknown, the newer password may never have become one.
    const allowed: Reason[] = person.passwords.length > 1 ? ['CREDENTIALS_INVALID'] : [];
    const answer = await attempt('Login', person, ({ auth }) => auth.login({ email, password }), allowed);
    if (answer === undefined) return;
    if (typeof answer === 'string') {
      person.passwords = person.passwords.slice(1);
      return await signIn(person);
    }
    person.passwords = [password];
    person.accessToken = answer.tokens?.accessToken ?? '';
    person.refreshToken = answer.tokens?.refreshToken ?? '';
    person.isUnsure = false;
  }

  /** A session may only be gone after a call that ended without an answer. */
  function noteEnd(person: Person, what: string, answer: unknown): boolean {
    if (answer !== 'TOKEN_INVALID') return false;
    if (!person.isUnsure) findings.push(`the session of ${person.email} was gone at ${what}`);
    person.accessToken = '';
    return true;
  }

  async function act(person: Person): Promise<void> {
    const headers = { authorization: `Bearer ${person.accessToken}` };
    const chance = Math.random();
    if (chance < 0.3) {
      const answer = await attempt('ViewUser', person, ({ profile }) => profile.viewUser({}, { headers }), [
        'TOKEN_INVALID',
      ]);
      if (noteEnd(person, 'ViewUser', answer) || answer === undefined || typeof answer === 'string') return;
      const seen = Number(answer.user?.lastName || 0);
      if (seen < person.acknowledged)
        findings.push(`${person.email} sees ${seen} after ${person.acknowledged} (N1)`);
    } else if (chance < 0.6) {
      person.asked += 1;
      const number = person.asked;
      const answer = await attempt(
        'EditUser',
        person,
        ({ profile }) => profile.editUser({ lastName: String(number) }, { headers }),
        ['TOKEN_INVALID'],
      );
      if (noteEnd(person, 'EditUser', answer) || answer === undefined) return;
      person.acknowledged = number;
    } else if (chance < 0.85) {
      const { refreshToken } = person;
      const answer = await attempt(
        'RefreshToken',
        person,
        ({ auth }) => auth.refreshToken({ refreshToken }),
        ['TOKEN_INVALID'],
      );
      if (noteEnd(person, 'RefreshToken', answer) || answer === undefined || typeof answer === 'string')
        return;
      person.accessToken = answer.tokens?.accessToken ?? '';
      person.refreshToken = answer.tokens?.refreshToken ?? '';
    } else if (chance < 0.97) await changePassword(person, headers);
    else await recover(person);
  }

  async function changePassword(person: Person, headers: Record<string, string>): Promise<void> {
    const [currentPassword = ''] = person.passwords;
    const password = nextPassword();
    person.passwords = [password, currentPassword];
    const answer = await attempt(
      'ChangePassword',
      person,
      ({ recovery }) => recovery.changePassword({ currentPassword, password }, { headers }),
      ['TOKEN_INVALID'],
    );
    if (answer === undefined) {
      // Only a sign-in shows which of the two is valid.
      person.accessToken = '';
      return;
    }
    person.passwords = answer === 'TOKEN_INVALID' ? [currentPassword] : [password];
    noteEnd(person, 'ChangePassword', answer);
  }

  async function recover(person: Person): Promise<void> {
    const { email } = person;
    if ((await attempt('Recover', person, ({ recovery }) => recovery.recover({ email }))) === undefined)
      return;
    const token = await newestToken(email, 'token');
    if (token === '') return;
    const old = person.passwords;
    const password = nextPassword();
    person.passwords = [password, ...old];
    const answer = await attempt('EndRecovery', person, ({ recovery }) =>
      recovery.endRecovery({ token, password }),
    );
    if (answer !== undefined) {
      person.passwords = [password];
      person.recoveryToken = token;
    }
    // Every session has ended, or may have.
    person.accessToken = '';
  }

  return {
    /** Starts people, who act until stopped. */
    start(): void {
      isStopping = false;
      const workers = Array.from({ length: count }, async () => {
        while (!isStopping) {
          const person = newPerson();
          everybody.push(person);
          await live(person);
        }
      });
      running = Promise.all(workers);
    },

    async stop(): Promise<void> {
      isStopping = true;
      await running;
    },

    /** Holds database and mailbox against what was acknowledged. The service must be well again. */
    async verify(sql: (text: string, values?: unknown[]) => Promise<RowDataPacket[]>): Promise<Report> {
      isStopping = false;
      for (const person of everybody) await verifyPerson(person, sql);
      findings.push(...(await halfStates(sql)));
      if (findings.length > 0)
        throw new Error(`the oracle found:\n${[...new Set(findings)].slice(0, 20).join('\n')}`);
      return { ...tally, longestMs: Math.round(tally.longestMs), people: everybody.length };
    },
  };

  async function verifyPerson(
    person: Person,
    sql: (text: string, values?: unknown[]) => Promise<RowDataPacket[]>,
  ): Promise<void> {
    const { email } = person;
    const [row] = await sql(
      `SELECT i.confirmed_at AS confirmed, u.last_name AS number FROM identifiers i
       JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.user_id WHERE i.address = ?`,
      [email],
    );
    if (person.isRegistered && row === undefined) findings.push(`${email} is not there (N1)`);
    if (row === undefined) return;
    if (person.isConfirmed && row['confirmed'] === null) findings.push(`${email} is not confirmed (N1)`);
    const number = Number(row['number'] || 0);
    if (number < person.acknowledged || number > person.asked)
      findings.push(`${email} has ${number}, acknowledged was ${person.acknowledged} (N1)`);
    if (!person.isConfirmed) return;
    // A consumed challenge stays consumed (N3).
    const [used] = await sql(
      "SELECT consumed_at FROM challenges WHERE purpose = 'confirm-email' AND id = ?",
      [Buffer.from(person.confirmToken, 'base64url').subarray(0, 16)],
    );
    if (used !== undefined && used['consumed_at'] === null)
      findings.push(`the used token of ${email} is as new (N3)`);
    if (person.recoveryToken !== '') {
      const { recovery } = clientsOf(nextUrl());
      const token = person.recoveryToken;
      const used = await recovery.endRecovery({ token, password: nextPassword() }).then(
        () => 'taken',
        (error: unknown) => readFailure(error).reason,
      );
      if (used !== 'RECOVERY_INVALID') findings.push(`the used recovery token of ${email} is ${used} (N3)`);
    }
    // A session that was acknowledged, and that no call can have ended, is live.
    if (!person.isUnsure && person.accessToken !== '') {
      const headers = { authorization: `Bearer ${person.accessToken}` };
      const seen = await clientsOf(nextUrl())
        .profile.viewUser({}, { headers })
        .then(
          () => 'live',
          (error: unknown) => readFailure(error).reason,
        );
      if (seen !== 'live') findings.push(`the session of ${email} is ${seen} (N1)`);
    }
    const before = tally.acknowledged;
    // Attempts that a fault cut off may have closed the account for a while (R9): they come back when told to.
    const patientUntil = performance.now() + patienceMs;
    while (tally.acknowledged === before && person.passwords.length > 0 && performance.now() < patientUntil) {
      await signIn(person);
      if (tally.acknowledged === before) await pause(Math.max(200, toldToWaitMs));
    }
    if (tally.acknowledged === before) findings.push(`${email} cannot sign in (N1)`);
  }
}

export type Oracle = ReturnType<typeof createOracle>;

function connectTo(baseUrl: string, key: string): Clients {
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: '1.1',
    defaultTimeoutMs: 20_000,
    interceptors: [
      (next) => (request) => {
        request.header.set('apieco_key', key);
        return next(request);
      },
    ],
  });
  return {
    auth: createClient(AuthService, transport),
    profile: createClient(ProfileService, transport),
    recovery: createClient(RecoveryService, transport),
  };
}

let passwords = 0;

function nextPassword(): string {
  passwords += 1;
  return `quiet-orbit-lantern-${passwords}`;
}

function newPerson(): Person {
  return {
    email: freshEmail(),
    untilMs: performance.now() + 3000 + Math.random() * 3000,
    isRegistered: false,
    isConfirmed: false,
    confirmToken: '',
    recoveryToken: '',
    passwords: [nextPassword()],
    accessToken: '',
    refreshToken: '',
    acknowledged: 0,
    asked: 0,
    isUnsure: false,
  };
}

/** States that no flow may leave behind (N4). */
async function halfStates(sql: (text: string) => Promise<RowDataPacket[]>): Promise<string[]> {
  const questions: Record<string, string> = {
    'a factor without recovery codes': `SELECT COUNT(*) AS n FROM authenticators f WHERE NOT EXISTS
      (SELECT 1 FROM recovery_codes c WHERE c.tenant_id = f.tenant_id AND c.user_id = f.user_id)`,
    'a user without an address': `SELECT COUNT(*) AS n FROM users u WHERE NOT EXISTS
      (SELECT 1 FROM identifiers i WHERE i.tenant_id = u.tenant_id AND i.user_id = u.id)`,
    'an address without a user': `SELECT COUNT(*) AS n FROM identifiers i WHERE NOT EXISTS
      (SELECT 1 FROM users u WHERE u.tenant_id = i.tenant_id AND u.id = i.user_id)`,
    'a user without a password': `SELECT COUNT(*) AS n FROM users u WHERE NOT EXISTS
      (SELECT 1 FROM credentials c WHERE c.tenant_id = u.tenant_id AND c.user_id = u.id)`,
    'an unconfirmed address without a challenge': `SELECT COUNT(*) AS n FROM identifiers i WHERE i.confirmed_at IS NULL AND NOT EXISTS
      (SELECT 1 FROM challenges c WHERE c.tenant_id = i.tenant_id AND c.user_id = i.user_id)`,
  };
  const found: string[] = [];
  for (const [what, text] of Object.entries(questions)) {
    const [row] = await sql(text);
    if (Number(row?.['n']) > 0) found.push(`${row?.['n']} times ${what} (N4)`);
  }
  return found;
}
