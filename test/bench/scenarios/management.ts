import { createConnection } from 'mysql2/promise';
import { systemRandom } from '../../../src/adapters/random.ts';
import { createVault } from '../../../src/adapters/vault.ts';
import { sightOf } from '../../../src/domain/member.ts';
import { emptyProfile } from '../../../src/domain/profile.ts';
import type { Store } from '../../../src/domain/repositories.ts';
import type { Tenant } from '../../../src/domain/tenant.ts';
import { defaultPolicy } from '../../../src/domain/tenant-policy.ts';
import { createListUsers, type UserQuery } from '../../../src/flows/manage/list-users.ts';
import { type DatabaseHandle, openDatabase } from '../../../src/store/database.ts';
import { migrate } from '../../../src/store/migrate.ts';
import { createStore } from '../../../src/store/store.ts';
import { atMost, type Row } from '../report.ts';
import { seededEmail, seedUsers } from '../seed.ts';
import { closedLoop, compare, p95Latency, type Side, warmUp } from '../slices.ts';
import type { Scenario } from './scenario.ts';

// Lists and searches of users as a tenant grows: the flow over the real store, without the server around it.

const sliceMs = 1500;
const fewUsers = 1000;
const template = 'template@bench.example';

type Scene = {
  readonly database: DatabaseHandle;
  readonly list: (request: Partial<UserQuery>) => Promise<{ nextPageToken: string }>;
  readonly users: number;
};

/** What a list of all users asks for. */
export const everyone: UserQuery = {
  query: '',
  searchBy: '',
  state: '',
  createdFrom: undefined,
  createdUntil: undefined,
  factor: '',
  provider: '',
  pageSize: 50,
  pageToken: '',
};

async function createScene(databaseUrl: string, users: number): Promise<Scene> {
  await migrate(databaseUrl);
  const database = openDatabase({ url: databaseUrl, connections: 4 });
  const vault = createVault([{ id: systemRandom.uuid(), key: systemRandom.bytes(32) }]);
  const store = createStore(database, vault);
  const tenant: Tenant = {
    id: systemRandom.uuid(),
    slug: 'bench',
    name: 'Bench',
    status: 'active',
    policy: defaultPolicy('http://localhost:8080', 'bench'),
    createdAt: new Date(),
  };
  await store.tenants.insert(tenant);
  await makeTemplate(store, tenant);
  const connection = await createConnection(databaseUrl);
  await seedUsers(connection, { template, users, label: `${users} users` });
  // As different as those of people: the address is the only thing that the seed varies.
  await connection.query(
    "UPDATE users SET created_at = created_at - INTERVAL CONV(RIGHT(HEX(id), 6), 16, 10) SECOND, last_name = CONCAT(CHAR(97 + CONV(RIGHT(HEX(id), 1), 16, 10)), RIGHT(HEX(id), 5)), status = IF(RIGHT(HEX(id), 1) = '0', 'disabled', 'active')",
  );
  await connection.query('ANALYZE TABLE users, identifiers');
  await connection.end();
  const listUsers = createListUsers({ store, vault });
  const sight = sightOf('owner');
  return {
    database,
    users,
    list: (request) => listUsers(tenant, { ...everyone, ...request }, sight),
  };
}

async function makeTemplate(store: Store, { id: tenantId }: Tenant): Promise<void> {
  const now = new Date();
  const user = {
    id: systemRandom.uuid(),
    tenantId,
    status: 'active',
    locale: 'en',
    roles: [],
    senderEmail: '',
    confirmUrl: '',
    profile: { ...emptyProfile, firstName: 'Sara', lastName: 'Ahmadi' },
    createdAt: now,
    origin: 'self',
  } as const;
  const identifier = {
    kind: 'email',
    canonical: template,
    address: template,
    userId: user.id,
    addedAt: now,
  } as const;
  await store.users.insert(user, { ...identifier, confirmedAt: now }, 'a hash');
}

/** A page that is asked for in the middle of a list, as someone who leafs through it does. */
async function deepToken({ list }: Scene, request: Partial<UserQuery>): Promise<string> {
  let pageToken = '';
  for (let page = 0; page < 10; page += 1) {
    const { nextPageToken } = await list({ ...request, pageToken });
    if (nextPageToken === '') return pageToken;
    pageToken = nextPageToken;
  }
  return pageToken;
}

const someone = ({ users }: Scene) => seededEmail(Math.floor(Math.random() * users));

const questions: Readonly<Record<string, (scene: Scene) => Promise<() => Partial<UserQuery>>>> = {
  'the newest users': async () => () => ({}),
  'a page in the middle': async (scene) => {
    const pageToken = await deepToken(scene, {});
    return () => ({ pageToken });
  },
  'disabled users': async () => () => ({ state: 'disabled' }),
  'the beginning of an address': async (scene) => () => ({
    query: someone(scene).slice(0, 2),
    searchBy: 'email',
  }),
  'a whole address': async (scene) => () => ({ query: someone(scene) }),
  'the beginning of a name': async () => () => ({
    query: `${String.fromCharCode(97 + Math.floor(Math.random() * 16))}0`,
    searchBy: 'name',
  }),
  'the beginning of an address or a name': async () => () => ({ query: 'sar' }),
};

export const management: Scenario = async ({ options, database }) => {
  const { seconds, users } = options;
  const few = await createScene(await database.urlOf('few'), fewUsers);
  const many = await createScene(await database.urlOf('many'), users);
  const rows: Row[] = [];
  try {
    for (const [name, questionOf] of Object.entries(questions)) {
      const side = async (scene: Scene): Promise<Side> => {
        const question = await questionOf(scene);
        return closedLoop(1, () => () => scene.list(question()));
      };
      const [a, b] = [await side(many), await side(few)];
      await warmUp(a, b);
      const figures = await compare({ seconds, sliceMs, a, b, of: p95Latency });
      rows.push({
        name: `ListUsers, ${name}, p95, ${users} users`,
        against: `${fewUsers} users`,
        goal: atMost(1.5),
        ...figures,
      });
    }
  } finally {
    for (const scene of [few, many]) await scene.database.close();
  }
  return rows;
};
