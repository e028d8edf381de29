import { createServer } from 'node:http';
import { hash, verify } from '@node-rs/argon2';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { bearer, jwt } from 'better-auth/plugins';
import { createPool } from 'mysql2/promise';

// The peer of the scenario `peers`: better-auth over mysql2, in a separate process and project, with the hash of the service. Its rate limits
// are off, as those of the service are.

const [databaseUrl, memoryCost, timeCost] = process.argv.slice(2);
const argon2id = 2;
const cost = {
  algorithm: argon2id,
  memoryCost: Number(memoryCost),
  timeCost: Number(timeCost),
  parallelism: 1,
};
const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const baseURL = `http://127.0.0.1:${server.address().port}`;
const options = {
  baseURL,
  secret: 'a secret of the bench, of 32 bytes',
  database: createPool({ uri: databaseUrl, connectionLimit: 20, timezone: 'Z' }),
  emailAndPassword: {
    enabled: true,
    password: {
      hash: (password) => hash(password, cost),
      verify: ({ hash: made, password }) => verify(made, password),
    },
  },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [bearer(), jwt()],
};
const { runMigrations } = await getMigrations(options);
await runMigrations();
server.on('request', toNodeHandler(betterAuth(options)));
process.on('disconnect', () => process.exit());
process.send({ url: baseURL });
