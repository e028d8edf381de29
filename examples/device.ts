import * as client from 'openid-client';
import { discoveryOptions, findApplication } from './application.ts';

// A command line without a browser of its own: a person types its code anywhere else (RFC 8628).

const application = findApplication('native', { deviceGrant: true });
const config = await client.discovery(
  application.issuer,
  application.clientId,
  undefined,
  client.None(),
  discoveryOptions(application),
);

const started = await client.initiateDeviceAuthorization(config, { scope: 'openid profile email' });
console.log(`Open ${started.verification_uri} and type ${started.user_code}`);
console.log(`or open ${started.verification_uri_complete}`);

const tokens = await client.pollDeviceAuthorizationGrant(config, started);
const { sub = '' } = tokens.claims() ?? {};
const { name, email } = await client.fetchUserInfo(config, tokens.access_token, sub);
console.log(`Signed in as ${name ?? email ?? sub}.`);
