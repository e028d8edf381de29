import { KeyObject, randomUUID, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { exportJWK, generateKeyPair } from 'jose';
import { createPool, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { type Adapter, type AdapterPayload, Provider } from 'oidc-provider';

// The peer of the OpenID scenario, in a process of its own: oidc-provider over mysql2, whose adapter consumes by
// compare-and-set, as it has to with more than one process. Tokens are JWTs with RS256 on both sides.

const [databaseUrl = '', secret = ''] = process.argv.slice(2);
const pool = createPool({ uri: databaseUrl, connectionLimit: 20 });
await pool.query(
  `CREATE TABLE IF NOT EXISTS oidc (id VARBINARY(128) NOT NULL, type VARBINARY(40) NOT NULL, payload MEDIUMTEXT NOT NULL,
   grant_id VARBINARY(64) NULL, uid VARBINARY(64) NULL, consumed_at BIGINT NULL, expires_at BIGINT NULL,
   PRIMARY KEY (type, id), KEY oidc_grant (grant_id), KEY oidc_uid (uid))`,
);

class MySqlAdapter implements Adapter {
  readonly #type: string;
  constructor(type: string) {
    this.#type = type;
  }
  async upsert(id: string, payload: AdapterPayload, expiresIn: number) {
    const row = [id, this.#type, JSON.stringify(payload), payload.grantId ?? null, payload.uid ?? null];
    await pool.execute(
      'INSERT INTO oidc (id, type, payload, grant_id, uid, expires_at) VALUES (?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE payload = VALUES(payload), expires_at = VALUES(expires_at)',
      [...row, expiresIn ? Date.now() + expiresIn * 1000 : null],
    );
  }
  async #read(where: string, value: string): Promise<AdapterPayload | undefined> {
    const [[row]] = await pool.execute<RowDataPacket[]>(
      `SELECT payload, consumed_at FROM oidc WHERE type = ? AND ${where} = ?`,
      [this.#type, value],
    );
    if (row === undefined) return undefined;
    const payload = JSON.parse(String(row['payload'])) as AdapterPayload;
    return row['consumed_at'] === null ? payload : { ...payload, consumed: Number(row['consumed_at']) };
  }
  find = (id: string) => this.#read('id', id);
  findByUid = (uid: string) => this.#read('uid', uid);
  findByUserCode = async () => undefined;
  async consume(id: string) {
    const [result] = await pool.execute<ResultSetHeader>(
      'UPDATE oidc SET consumed_at = ? WHERE type = ? AND id = ? AND consumed_at IS NULL',
      [Math.floor(Date.now() / 1000), this.#type, id],
    );
    if (result.affectedRows !== 1) throw new Error('consumed before');
  }
  async destroy(id: string) {
    await pool.execute('DELETE FROM oidc WHERE type = ? AND id = ?', [this.#type, id]);
  }
  async revokeByGrantId(grantId: string) {
    await pool.execute('DELETE FROM oidc WHERE grant_id = ?', [grantId]);
  }
}

const pair = await generateKeyPair('RS256', { extractable: true });
const privateKey = KeyObject.from(pair.privateKey);
const signOnThread = promisify(sign);
const jwk = { ...(await exportJWK(pair.privateKey)), alg: 'RS256', use: 'sig', kid: 'one' };
const server = createServer();
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const resource = 'https://api.example';
const provider = new Provider(url, {
  adapter: MySqlAdapter,
  jwks: { keys: [jwk as never] },
  clients: [
    {
      client_id: 'bench',
      client_secret: secret,
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      redirect_uris: ['https://app.example/callback'],
    },
  ],
  scopes: ['openid', 'offline_access', 'jobs'],
  rotateRefreshToken: true,
  ttl: { RefreshToken: 86_400, Grant: 86_400 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: async () => resource,
      useGrantedResource: async () => true,
      getResourceServerInfo: async () => ({
        scope: 'jobs openid',
        audience: resource,
        accessTokenFormat: 'jwt',
      }),
    },
  },
  findAccount: (_, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
  cookies: { keys: ['a key of the bench'] },
});
const handle = provider.callback();
const header = Buffer.from(JSON.stringify({ alg: 'RS256', kid: 'one', typ: 'at+jwt' })).toString('base64url');

/** The least that a token endpoint does: read the form, sign with RS256, answer. */
async function signAlone(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const form = new URLSearchParams(await text(request));
  const payload = { iss: url, sub: 'bench', aud: resource, scope: form.get('scope'), jti: randomUUID() };
  const input = `${header}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`;
  const signature = await signOnThread('sha256', Buffer.from(input), privateKey);
  const body = {
    access_token: `${input}.${signature.toString('base64url')}`,
    token_type: 'Bearer',
    expires_in: 600,
  };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const client = await provider.Client.find('bench');
server.on('request', async (request, response) => {
  // A refresh token of somebody, as a sign-in would leave it.
  if (request.url === '/seed') {
    const grant = new provider.Grant({ accountId: 'leila', clientId: 'bench' });
    grant.addOIDCScope('openid offline_access');
    grant.addResourceScope(resource, 'jobs');
    const grantId = await grant.save();
    const token = new provider.RefreshToken({
      accountId: 'leila',
      client: client as never,
      grantId,
      gty: 'authorization_code',
      scope: 'openid offline_access',
      resource,
      authTime: Math.floor(Date.now() / 1000),
      rotations: 0,
    } as never);
    return response.end(await token.save());
  }
  if (request.url === '/bare') return await signAlone(request, response);
  return handle(request, response);
});
process.on('disconnect', () => process.exit());
process.send?.({ url });
