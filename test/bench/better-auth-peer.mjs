import { createServer } from 'node:http';
import { oauthProvider } from '@better-auth/oauth-provider';
import { passkey } from '@better-auth/passkey';
import { hash, verify } from '@node-rs/argon2';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { bearer, jwt } from 'better-auth/plugins';
import { createPool } from 'mysql2/promise';

// The peer of the scenario `peers`: better-auth over mysql2, in a separate process and project, with the hash of the service, from the
// library that the service has it from. Its rate limits are off, as those of the service are.

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
  plugins: [
    bearer(),
    jwt(),
    passkey({ rpID: 'localhost', rpName: 'Bench', origin: 'http://localhost:3000' }),
    oauthProvider({
      loginPage: '/sign-in',
      consentPage: '/consent',
      scopes: ['openid', 'jobs'],
      clientPrivileges: () => true,
    }),
  ],
};
const { runMigrations } = await getMigrations(options);
await runMigrations();
const auth = betterAuth(options);
const { token } = await auth.api.signUpEmail({
  body: { email: 'operator@bench.example', password: 'quiet-orbit-lantern-47', name: 'Operator' },
});
const client = await auth.api.adminCreateOAuthClient({
  headers: { authorization: `Bearer ${token}` },
  body: {
    client_name: 'Bench',
    redirect_uris: ['https://app.example/callback'],
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'client_secret_basic',
    client_credentials_scopes: ['jobs'],
    scope: 'jobs',
  },
});
server.on('request', toNodeHandler(auth));
process.on('disconnect', () => process.exit());
process.send({ url: baseURL, clientId: client.client_id, secret: client.client_secret });
