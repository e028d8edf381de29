import { expect } from 'vitest';
import { AuthService } from '../../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../../gen/manam/v1/management_service_pb.js';
import { RecoveryService } from '../../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../../gen/manam/v1/two_factor_service_pb.js';
import { WebhookService } from '../../../gen/manam/v1/webhook_service_pb.js';
import { minuteMs } from '../../../src/domain/duration.ts';
import type { TenantPolicy } from '../../../src/domain/policy.ts';
import { codeChallenge, email, made, redirectUri } from '../../../tools/contract/examples.ts';
import { freshEmail, password } from '../app.ts';
import type { Credential } from '../authenticator.ts';
import { signUpByCode } from '../codes.ts';
import type { TestDns } from '../dns.ts';
import { type FederatedApp, freshGoogleUser } from '../federation.ts';
import { bearer, enrolSms, enrolTotp, moveTo, type SignedIn, signUp } from '../journey.ts';
import { makeMember, signUpAtManam } from '../members.ts';
import { basic, handleOf, makeApplication, post, requestOf } from '../openid.ts';
import { addPasskey } from '../passkeys.ts';
import { makeDevice } from '../proofs.ts';
import { comeBack } from '../providers.ts';

export type HeaderValues = Readonly<Record<string, string>>;

/** The state that the example of a call is sent in. */
export type Prepared = {
  /** The headers to send; default: what its first way to authenticate asks for. */
  readonly headers?: HeaderValues;
  /** Replacements of values in the example. */
  readonly live?: Readonly<Record<string, string>>;
};

export type ExampleScene = FederatedApp & { readonly dns: TestDns; readonly origin: string };

/** A policy that allows everything the examples do. */
export const permissive = (policy: TenantPolicy): TenantPolicy => ({
  ...policy,
  terms: { url: 'https://tenant.com/terms', version: '2026-01' },
  factorResetHours: 72,
  codeSignIn: { enabled: true, createAccounts: true },
  rememberDeviceDays: 30,
  passkeys: { ...policy.passkeys, passwordless: 'user' },
});

/** Users, keys and things in the states that examples need. */
export function createActors(app: ExampleScene) {
  const { test, dns, origin } = app;
  const byKey = test.client(ManagementService, { 'x-api-key': test.dev.secret });
  const webhooks = test.client(WebhookService, { 'x-api-key': test.dev.secret });
  const keyed = { 'x-api-key': test.dev.publishable };
  const manamKey = { apieco_key: test.manam.publishable };
  const anyone = test.client(AuthService);
  /** The code of the newest message to somebody, or the token in its link. */
  const newestTo = async (to: string, part = '') => {
    const found = (await test.messagesTo(to)).find((message) => message.link.includes(part));
    return found?.code || (new URL(found?.link ?? 'none:').searchParams.get('token') ?? '');
  };
  const international = (mobile: string) => `+98${mobile.slice(1)}`;

  /** A signed-in user, and the example's person in their place. */
  const someone = async () => {
    const user = await signUp(test);
    return {
      user,
      headers: bearer(user.accessToken),
      live: { [email]: user.email, [made.userId]: user.userId },
    };
  };
  const enrolled = async () => {
    const user = await enrolTotp(test, await signUp(test));
    test.advance(60_000);
    return { user, headers: bearer(user.accessToken), live: { [made.totp]: user.totp() } };
  };
  /** A sign-in that waits for its second step. */
  const pendingOf = async ({ email: its }: Pick<SignedIn, 'email'>) => {
    const { twoFactor } = await anyone.login({ email: its, password });
    return bearer(twoFactor?.twoFactorToken ?? '');
  };
  const withNumber = async () => {
    const { user, headers } = await someone();
    const { number, recoveryCodes } = await enrolSms(test, user);
    test.advance(5 * minuteMs);
    return { user, headers, number, recoveryCodes };
  };
  const idOf = (user: SignedIn) => ({ live: { [made.userId]: user.userId } });
  const aUser = async () => idOf(await signUp(test));
  const member = async (role: 'owner' | 'viewer' = 'owner') => await makeMember(test, role);

  const atManam = async () => {
    const user = await signUpAtManam(test);
    return { user, headers: bearer(user.accessToken) };
  };
  const manamRequest = async () => {
    const { authorizationUrl } = await anyone.startManamLogin({ redirectUri, codeChallenge });
    return new URL(authorizationUrl).searchParams.get('request') ?? '';
  };
  const waitingAtManam = async () => {
    const { user } = await atManam();
    const headers = { ...bearer(user.accessToken), ...manamKey };
    return { user, headers, live: { [made.request]: await manamRequest() } };
  };
  /** The code that a browser comes back with. */
  const codeFrom = async (kind: 'google' | 'microsoft', authorizationUrl: string) => {
    const { location } = await comeBack(app, kind, authorizationUrl, freshGoogleUser());
    return new URL(location).searchParams.get('code') ?? '';
  };

  /** What the browser of a user with a passkey says. */
  const spoken = ({ id, response }: Credential): Record<string, string> => ({
    [made.credentialId]: id,
    [made.clientData]: String(response['clientDataJSON']),
    [made.attestation]: String(response['attestationObject'] ?? ''),
    [made.authenticatorData]: String(response['authenticatorData'] ?? ''),
    [made.signature]: String(response['signature'] ?? ''),
    [made.userHandle]: String(response['userHandle'] ?? ''),
  });
  const holder = async () => {
    const { user } = await someone();
    const held = await addPasskey(test, user, { origin });
    return { user, held, headers: bearer(user.accessToken), live: { [made.passkeyId]: held.passkeyId } };
  };

  const anApplication = async (settings: object = {}) => {
    const application = await makeApplication(test, { ...settings });
    return { application, headers: basic(application), live: { [made.clientId]: application.clientId } };
  };
  const waitingRequest = async () => {
    const { user } = await someone();
    const { application } = await anApplication();
    const request = await handleOf(test, requestOf(application));
    return { headers: { ...bearer(user.accessToken), ...keyed }, live: { [made.request]: request } };
  };
  const waitingDevice = async () => {
    const { user } = await someone();
    const { application } = await anApplication({ kind: 'native', redirectUris: [], deviceGrant: true });
    const { body } = await post(test, 'device_authorization', {
      client_id: application.clientId,
      scope: 'openid',
    });
    const headers = { ...bearer(user.accessToken), ...keyed };
    return { headers, live: { [made.userCode]: String(body['user_code']) } };
  };

  const aWebhook = async () => {
    const { webhook } = await webhooks.createWebhook({
      url: 'https://tenant.com/hooks',
      types: ['user.registered'],
    });
    return { live: { [made.webhookId]: webhook?.webhookId ?? '' } };
  };
  const aDelivery = async () => {
    const { live } = await aWebhook();
    const webhookId = live[made.webhookId] ?? '';
    await webhooks.testWebhook({ webhookId });
    const find = async () =>
      (await webhooks.listWebhookDeliveries({ webhookId })).deliveries[0]?.deliveryId ?? '';
    await expect.poll(find, { timeout: 30_000 }).not.toBe('');
    return { live: { [made.deliveryId]: await find() } };
  };
  const aJob = async () => {
    const { userId } = await signUp(test);
    const { job } = await byKey.startUserJob({ action: 'enable', userIds: [userId] });
    return { live: { [made.jobId]: job?.jobId ?? '' } };
  };
  const aKey = async () => {
    const { key } = await byKey.createKey({ kind: 'secret', scopes: ['users.read'] });
    return { live: { [made.keyId]: key?.keyId ?? '' } };
  };
  const aConnection = async () => {
    const settings = { kind: 'github', clientId: 'client', enabled: true };
    await byKey.setConnection({ name: 'github', settings });
    return {};
  };
  const aDomain = async () => {
    const { domain } = await byKey.addDomain({ domain: 'tenant.com' });
    dns.records.set(domain?.recordName ?? '', [domain?.recordContent ?? '']);
    return {};
  };
  const owner = async () => (await member()).headers;
  const undoable = async () => {
    const { user } = await someone();
    const own = test.client(RecoveryService, bearer(user.accessToken));
    await own.changePassword({ currentPassword: password, password: 'an-intruders-orbit-47' });
    return { user, live: { [made.mailToken]: await newestTo(user.email, '/undo?token=') } };
  };
  const undoableByCode = async () => {
    const user = await signUpByCode(test);
    const to = freshEmail();
    await moveTo(test, user, to);
    const token = await newestTo(user.email, '/undo?token=');
    const reject = async () => {
      await test.client(RecoveryService).startUndo({ token });
      return await newestTo(to, '/undo?step=reject');
    };
    return { live: { [made.mailToken]: token }, headers: bearer(user.accessToken), reject };
  };
  const resetting = async () => {
    const user = await enrolTotp(test, await signUp(test));
    const headers = await pendingOf(user);
    return { user, headers, start: () => test.client(RecoveryService, headers).startFactorReset({}) };
  };
  const remembered = async () => {
    const { user } = await enrolled();
    const device = makeDevice(test);
    const bound = { 'dpop-bind': 'refresh_token' };
    const proved = async (call: string, headers: HeaderValues) => ({
      ...headers,
      ...(await device(call)),
      ...bound,
    });
    const { twoFactor } = await test
      .client(AuthService, await proved('AuthService/Login', keyed))
      .login({ email: user.email, password });
    test.advance(60_000);
    const pending = bearer(twoFactor?.twoFactorToken ?? '');
    const { tokens } = await test
      .client(TwoFactorService, await proved('TwoFactorService/ValidateTotp', pending))
      .validateTotp({ code: user.totp(), rememberDevice: true });
    return bearer(tokens?.accessToken ?? '');
  };

  return {
    app,
    test,
    origin,
    keyed,
    anyone,
    newestTo,
    international,
    someone,
    enrolled,
    pendingOf,
    withNumber,
    idOf,
    aUser,
    member,
    atManam,
    waitingAtManam,
    codeFrom,
    holder,
    anApplication,
    waitingRequest,
    waitingDevice,
    aWebhook,
    aDelivery,
    aJob,
    aKey,
    aConnection,
    aDomain,
    owner,
    undoable,
    undoableByCode,
    resetting,
    remembered,
    spoken,
  };
}

export type Actors = ReturnType<typeof createActors>;
