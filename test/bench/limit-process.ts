import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { availableParallelism } from 'node:os';
import { create, fromJsonString } from '@bufbuild/protobuf';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService, ViewUserResponseSchema } from '../../gen/manam/v1/profile_service_pb.js';
import { type Argon2Input, hashArgon2, parseArgon2, verifyArgon2 } from '../../src/adapters/argon2.ts';
import { createWorkQueue } from '../../src/adapters/work-queue.ts';
import { defaultProfile, floorProfile, type HashProfile } from '../../src/domain/password.ts';
import { defaultPolicy } from '../../src/domain/tenant-policy.ts';
import type { UserView } from '../../src/domain/user.ts';
import { toProfile } from '../../src/rpc/convert.ts';
import { listen } from '../../src/server/listener.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createSessionRepository } from '../../src/store/sessions.ts';
import { password } from './accounts.ts';
import { createOwnSignIn, type OwnSignIns } from './own-sign-in.ts';
import { type Call, closedLoop } from './slices.ts';

// The upper bounds: the service's parts alone, in a separate process.

/** `least-hash`: with the least that production allows. */
export type LimitName = 'hash' | 'least-hash' | 'verify' | 'select' | 'update';

export type LimitRequest = {
  readonly limit: LimitName;
  readonly concurrency: number;
  readonly ms: number;
  /** For `verify`: a token, and the keys to verify it with. */
  readonly token?: string;
  readonly keys?: JSONWebKeySet;
};

/** The response of the bare handlers: that JSON, and the rows that the service reads for a session. */
export type LimitAnswer = {
  readonly viewUser: string;
  readonly databaseUrl: string;
  readonly tenantId: string;
  readonly sessionId: string;
};

const rows = 1000;
const database = openDatabase({ url: process.argv[2] ?? '' });
await database.query('CREATE TABLE bench_rows (id INT PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB');
await database.query(
  `INSERT INTO bench_rows VALUES ${Array.from({ length: rows }, (_, id) => `(${id}, 0)`).join(', ')}`,
);
const someRow = () => Math.floor(Math.random() * rows);

const select = () => database.query(`SELECT n FROM bench_rows WHERE id = ${someRow()}`);
const update = () =>
  database.transaction((db) => db.execute(`UPDATE bench_rows SET n = n + 1 WHERE id = ${someRow()}`));

const filling = 'x'.repeat(400);
const hashOf = async (profile: HashProfile) => {
  const rest = { variant: 'argon2id', lanes: 1, salt: randomBytes(16), length: 32 } as const;
  return parseArgon2(await hashArgon2({ ...profile, ...rest } satisfies Argon2Input, password));
};
const [hash, leastHash] = [await hashOf(defaultProfile), await hashOf(floorProfile)];
const noDeadline = { signal: new AbortController().signal, leftMs: () => 60_000 };
const queue = createWorkQueue({
  concurrency: availableParallelism(),
  maxWaiting: 1000,
  maxWaitMs: 60_000,
  typicalMs: 20,
});

function callOf({ limit, token = '', keys = { keys: [] } }: LimitRequest): () => Call {
  if (limit === 'hash' || limit === 'least-hash') {
    const made = limit === 'hash' ? hash : leastHash;
    return () => async () => made && (await verifyArgon2(made, password));
  }
  if (limit === 'select')
    return () => () => database.query(`SELECT n FROM bench_rows WHERE id = ${someRow()}`);
  if (limit === 'update') {
    return () => () =>
      database.transaction((db) => db.execute(`UPDATE bench_rows SET n = n + 1 WHERE id = ${someRow()}`));
  }
  const jwks = createLocalJWKSet(keys);
  return () => () => jwtVerify(token, jwks, { algorithms: ['EdDSA'] });
}

const policy = defaultPolicy('http://localhost', 'bench');
/** The bare handlers: the service's listener with Connect alone. */
let user = create(ViewUserResponseSchema);
let readHolder = async (): Promise<UserView | undefined> => undefined;
let signIn: Awaited<ReturnType<typeof createOwnSignIn>> = async () => {};
const handleConnect = connectNodeAdapter({
  routes: (router) => {
    router.service(ProfileService, {
      viewUser: () => user,
      // The read of a ViewUser and its answer, and nothing else of it.
      editUser: async () => {
        const holder = await readHolder();
        return holder === undefined ? {} : { user: toProfile(holder, policy) };
      },
      getManamUserInfo: async () => {
        await select();
        return {};
      },
    });
    // And what a RefreshToken cannot do without.
    router.service(AuthService, {
      refreshToken: async () => {
        await select();
        await update();
        return {};
      },
    });
  },
});

/** A sign-in's hash and statements, without Connect: the service answers REST without it too. */
async function answerSignIn(response: ServerResponse): Promise<void> {
  await signIn((passwordHash) =>
    queue.run('', noDeadline, async () => {
      const parsed = parseArgon2(passwordHash);
      return parsed && (await verifyArgon2(parsed, password));
    }),
  );
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ access_token: filling }));
}

const listener = await listen(
  { host: '127.0.0.1', port: 0, maxConnectionsPerAddress: 1_000_000, keepAliveMs: 75_000 },
  (request, response) => {
    if (request.url !== '/sign-in') return handleConnect(request, response);
    request.resume();
    answerSignIn(response).catch(() => response.writeHead(500).end());
  },
);

process.on('message', (request: LimitRequest | LimitAnswer | OwnSignIns) => {
  if ('users' in request) {
    void createOwnSignIn(request).then((made) => {
      signIn = made;
      process.send?.({});
    });
    return;
  }
  if ('viewUser' in request) {
    const { viewUser, databaseUrl, tenantId, sessionId } = request;
    user = fromJsonString(ViewUserResponseSchema, viewUser);
    const { db, prepared } = openDatabase({ url: databaseUrl });
    const sessions = createSessionRepository(db, prepared);
    readHolder = async () => (await sessions.findOfCall(tenantId, sessionId, new Date()))?.holder;
    process.send?.({});
    return;
  }
  void closedLoop(request.concurrency, callOf(request))(request.ms).then((slice) => process.send?.(slice));
});
process.on('disconnect', () => process.exit());
process.send?.({ url: `http://127.0.0.1:${listener.port}` });
