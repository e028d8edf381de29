import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { discoveryOptions, findApplication } from './application.ts';

// A program without users gets a token for an API (RFC 6749, section 4.4), and the API verifies it without asking anyone.

const resource = 'https://jobs.example';
const application = findApplication('machine', { scopes: ['jobs.run'], resources: [resource] });
const config = await client.discovery(
  application.issuer,
  application.clientId,
  undefined,
  client.ClientSecretBasic(application.clientSecret),
  discoveryOptions(application),
);

const { issuer, jwks_uri: keysAt = '' } = config.serverMetadata();
const keys = createRemoteJWKSet(new URL(keysAt));
const api = createServer(async (request, response) => {
  const token = request.headers.authorization?.replace(/^Bearer /i, '') ?? '';
  try {
    const { payload } = await jwtVerify(token, keys, { issuer, audience: resource, typ: 'at+jwt' });
    const isAllowed = String(payload['scope']).split(' ').includes('jobs.run');
    response.writeHead(isAllowed ? 200 : 403).end(`Started by ${payload.sub}.`);
  } catch {
    response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
  }
});
await new Promise<void>((resolve) => api.listen(0, 'localhost', resolve));
const address = `http://localhost:${(api.address() as AddressInfo).port}`;

const tokens = await client.clientCredentialsGrant(config, { scope: 'jobs.run', resource });
const answer = await fetch(address, { headers: { authorization: `Bearer ${tokens.access_token}` } });
console.log(`${answer.status} ${await answer.text()}`);
console.log(`without a token: ${(await fetch(address)).status}`);
api.close();
