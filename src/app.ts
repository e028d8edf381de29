import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { ConnectRouter } from '@connectrpc/connect';
import type { Logger } from 'pino';
import { createAccessTokens } from './adapters/access-tokens.ts';
import { createBreachCheck } from './adapters/breach-check.ts';
import { loadKeyRing } from './adapters/key-ring.ts';
import { ensureSigningKey, type KeyDeps, openVault } from './adapters/keys.ts';
import { loadPasswordBlocklist } from './adapters/password-blocklist.ts';
import { createPasswordHasher } from './adapters/password-hasher.ts';
import { renderQrCode } from './adapters/qr-code.ts';
import { systemRandom } from './adapters/random.ts';
import type { Config } from './config.ts';
import type { AccessTokens, Clock, PasswordHasher, Random, Vault } from './domain/ports.ts';
import type { Store } from './domain/repositories.ts';
import { createConfirmEmail, createConfirmSms } from './flows/auth/confirm.ts';
import { createLogin } from './flows/auth/login.ts';
import { createRegister } from './flows/auth/register.ts';
import { createSendConfirmation } from './flows/auth/send-confirmation.ts';
import { createIdempotency } from './flows/idempotency.ts';
import { createLimiter, createMessageCharge, createRecipientCharge, type Limiter } from './flows/limits.ts';
import { createPasswordCheck } from './flows/password-check.ts';
import { createPasswordPolicy } from './flows/password-policy.ts';
import { createChangeIdentifier, createStartChange } from './flows/profile/change-identifier.ts';
import { createDeleteAccount } from './flows/profile/delete-account.ts';
import { createEditUser } from './flows/profile/edit-user.ts';
import { createManamUser } from './flows/profile/manam-user.ts';
import { createViewUser } from './flows/profile/view-user.ts';
import { createChangePassword } from './flows/recovery/change-password.ts';
import { createEndRecovery } from './flows/recovery/end-recovery.ts';
import { createRecover } from './flows/recovery/recover.ts';
import { createIntrospectToken } from './flows/session/introspect-token.ts';
import { createManageSessions } from './flows/session/manage-sessions.ts';
import { createReauthenticate } from './flows/session/reauthenticate.ts';
import { createRefreshToken } from './flows/session/refresh-token.ts';
import { createSessionGate } from './flows/session-gate.ts';
import { createSecondFactors } from './flows/two-factor/codes.ts';
import { createEnrolment } from './flows/two-factor/enrol.ts';
import { createManageFactors } from './flows/two-factor/manage.ts';
import { createValidate } from './flows/two-factor/validate.ts';
import { createMailbox } from './pages/mailbox.ts';
import { type Flows, registerServices, services } from './rpc/services.ts';
import { readAccessRules } from './server/access-rules.ts';
import { createCors } from './server/cors.ts';
import { createDevRoute } from './server/dev-route.ts';
import { createErrorDoor, type ErrorDoor } from './server/error-door.ts';
import { createGate } from './server/gate.ts';
import { createGoogleLoginRoute } from './server/google-login-route.ts';
import { createHandler, type Route } from './server/handler.ts';
import {
  deadlineInterceptor,
  errorInterceptor,
  floorInterceptor,
  guessInterceptor,
} from './server/interceptors.ts';
import { type Listener, listen } from './server/listener.ts';
import { createOperations } from './server/operations.ts';
import { createRestRoute } from './server/rest-route.ts';
import { createRpcRoute, type RpcOptions } from './server/rpc-route.ts';
import { createTenantDirectory, type TenantDirectory } from './server/tenant-directory.ts';
import { type DatabaseHandle, openDatabase } from './store/database.ts';
import { inspectDatabase, isReady } from './store/health.ts';
import { createKeyRepository } from './store/keys.ts';
import { migrate } from './store/migrate.ts';
import { createStore } from './store/store.ts';

export type AppOptions = {
  readonly config: Config & { readonly databaseUrl: string; readonly masterKey: Buffer };
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Told the text of every statement, without parameters. */
  readonly onStatement?: (sql: string) => void;
  /** Told of every password hash that is made or checked. */
  readonly onHash?: () => void;
};

/** How often the signing keys are read again, so that a rotation reaches every instance. */
const keyReloadMs = 5000;
/** How long readiness may take to find out (R65). */
const readinessDeadlineMs = 1000;

export type App = {
  readonly store: Store;
  /** What an in-memory router needs to be the server without its socket. */
  readonly rpc: RpcOptions;
  readonly flows: Flows;
  listen(): Promise<Listener>;
  close(): Promise<void>;
};

/** The composition root: builds adapters, store, flows and server, and is the only place that does. */
export async function createApp({ config, log, onStatement, onHash, ...options }: AppOptions): Promise<App> {
  const clock = options.clock ?? (() => new Date());
  const random = options.random ?? systemRandom;

  const database = openDatabase({
    url: config.databaseUrl,
    connections: config.databaseConnections,
    ...(onStatement === undefined ? {} : { onStatement }),
  });
  const keyDeps = { keys: createKeyRepository(database.db), masterKey: config.masterKey, random, clock };
  const vault = await prepareDatabase(config.databaseUrl, database, keyDeps).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const store = createStore(database, vault);
  const ring = await loadKeyRing(store.keys, vault);
  const accessTokens = createAccessTokens({ ring, issuer: config.issuer, clock, random });
  const hasher = await createPasswordHasher({
    profile: config.hash,
    cores: availableParallelism(),
    pepper: config.pepper,
    onHash,
  });

  const adapters: Adapters = { store, vault, accessTokens, hasher, clock, random };
  const limiter = createLimiter({ store, clock });
  const flows = createFlows(adapters, config, limiter, log);
  const door = createErrorDoor(log);
  const directory = createTenantDirectory(store.tenants, clock);
  const rpc = createRpcOptions(adapters, config, limiter, directory, door);
  const operations = createOperations({
    jwks: ring.jwks,
    isReady: () => isReady(database, clock, readinessDeadlineMs),
  });
  const register = (router: ConnectRouter) => registerServices(router, flows);
  const routes: Route[] = [
    createCors(directory),
    operations,
    ...(config.production ? [] : [createDevRoute(createMailbox(store.outbox))]),
    createGoogleLoginRoute(door),
    createRpcRoute(rpc, register),
    createRestRoute({ rpc, door, routes: register, prefixes: config.restPrefixes }),
  ];
  const { proxies, tls } = config;
  const handle = createHandler({ routes, log, clock, random, proxies, encrypted: tls !== undefined });

  const reload = setInterval(() => {
    ring.reload().catch((error: unknown) => log.warn({ err: error }, 'signing keys could not be read again'));
  }, keyReloadMs);
  reload.unref();

  return {
    store,
    rpc,
    flows,
    async listen() {
      const { host, port, maxConnectionsPerAddress } = config;
      const pem = tls && { cert: readFileSync(tls.certFile, 'utf8'), key: readFileSync(tls.keyFile, 'utf8') };
      const listener = await listen(
        { host, port, maxConnectionsPerAddress, ...(pem ? { tls: pem } : {}) },
        handle,
      );
      return {
        port: listener.port,
        close: () => {
          operations.drain();
          return listener.close();
        },
      };
    },
    async close() {
      clearInterval(reload);
      await database.close();
    },
  };
}

/** Migrates, checks the database, and makes the keys of the deployment where there are none; one instance at a time. */
async function prepareDatabase(url: string, database: DatabaseHandle, keyDeps: KeyDeps): Promise<Vault> {
  let vault: Vault | undefined;
  await migrate(url, async () => {
    const findings = await inspectDatabase(database, keyDeps.clock);
    if (findings.length > 0) throw new Error(`the database is not fit: ${findings.join('; ')}`);
    vault = await openVault(keyDeps);
    await ensureSigningKey(keyDeps, vault);
  });
  if (vault === undefined) throw new Error('the keys were not made');
  return vault;
}

/** What flows and server are made of. */
type Adapters = {
  readonly store: Store;
  readonly vault: Vault;
  readonly accessTokens: AccessTokens;
  readonly hasher: PasswordHasher;
  readonly clock: Clock;
  readonly random: Random;
};

/** Every flow, with the idempotency that the contract declares. */
function createFlows(
  { store, vault, accessTokens, hasher, clock, random }: Adapters,
  config: Config,
  limiter: Limiter,
  log: Logger,
): Flows {
  const { limits } = config;
  const chargeRecipient = createRecipientCharge(limiter, limits);
  const chargeMessage = createMessageCharge(limiter, limits);
  const passwords = createPasswordCheck({ store, hasher, vault, clock });
  const secondFactors = createSecondFactors({ store, vault, clock, random });
  const openSession = createSessionGate({ secondFactors, limits, clock, random });
  const idempotent = createIdempotency({ store, vault, clock });
  const passwordPolicy = createPasswordPolicy({
    blocklist: loadPasswordBlocklist(),
    isBreached:
      config.breachCheckUrl === undefined
        ? async () => false
        : createBreachCheck(config.breachCheckUrl, (error) =>
            log.warn({ err: error }, 'a new password could not be looked up and was taken'),
          ),
  });
  const messageDeps = { vault, clock, random, chargeRecipient };
  const changeDeps = { store, ...messageDeps };
  const changeIdentifier = createChangeIdentifier(changeDeps);
  const sessionDeps = { store, accessTokens, vault, clock, random };
  const enrolment = createEnrolment({ store, renderQr: renderQrCode, ...messageDeps });
  const factors = createManageFactors({ store, secondFactors, ...messageDeps });
  const sendSmsCode = idempotent('SendSmsCode', factors.sendSmsCode);
  return {
    register: idempotent('Register', createRegister({ store, hasher, passwordPolicy, ...messageDeps })),
    confirmEmail: idempotent('ConfirmEmail', createConfirmEmail({ store, vault, clock, random })),
    confirmSms: idempotent('ConfirmSms', createConfirmSms({ store, vault, clock, random })),
    sendConfirmEmail: idempotent('SendConfirmEmail', createSendConfirmation({ store, ...messageDeps })),
    sendConfirmSms: idempotent('SendConfirmSms', createSendConfirmation({ store, ...messageDeps })),
    login: createLogin({ ...sessionDeps, hasher, passwords, openSession }),
    refreshToken: createRefreshToken(sessionDeps),
    reauthenticate: createReauthenticate({ ...sessionDeps, passwords, secondFactors }),
    sessions: createManageSessions({ store, clock, random }),
    introspectToken: createIntrospectToken(sessionDeps),
    enrolment: {
      ...enrolment,
      sendTotpProof: idempotent('SendTotpEmailVerification', enrolment.sendTotpProof),
      sendSmsProof: idempotent('SendSmsEmailVerification', enrolment.sendSmsProof),
      confirmTotp: idempotent('ConfirmTotp', enrolment.confirmTotp),
      confirmSms: idempotent('ConfirmSmsFactor', enrolment.confirmSms),
    },
    factors: { ...factors, sendSmsCode: (caller) => sendSmsCode(caller, undefined) },
    validate: createValidate({ ...sessionDeps, secondFactors, openSession }),
    recover: idempotent('Recover', createRecover({ store, ...messageDeps })),
    endRecovery: idempotent(
      'EndRecovery',
      createEndRecovery({ store, hasher, policy: passwordPolicy, vault, clock, random }),
    ),
    changePassword: createChangePassword({ store, hasher, passwords, policy: passwordPolicy, clock, random }),
    viewUser: createViewUser({ store }),
    editUser: idempotent(
      'EditUser',
      createEditUser({ store, clock, random, startChange: createStartChange(changeDeps), chargeMessage }),
    ),
    changeIdentifier: {
      ...changeIdentifier,
      startEmailChange: idempotent('StartEmailChange', changeIdentifier.startEmailChange),
      startMobileChange: idempotent('StartMobileChange', changeIdentifier.startMobileChange),
    },
    deleteAccount: createDeleteAccount({ store, clock, random }),
    manamUser: createManamUser({ store }),
  };
}

/** The gate and the interceptors, the same for every protocol. */
function createRpcOptions(
  { store, accessTokens, clock }: Adapters,
  config: Config,
  limiter: Limiter,
  directory: TenantDirectory,
  door: ErrorDoor,
): RpcOptions {
  const { limits } = config;
  const rules = readAccessRules(services);
  const ownOrigin = new URL(config.issuer).origin;
  return {
    gate: createGate({
      rules,
      directory,
      accessTokens,
      sessions: store.sessions,
      challenges: store.challenges,
      clock,
      door,
      limiter,
      limits,
      ownOrigin,
    }),
    interceptors: [
      errorInterceptor(door),
      deadlineInterceptor,
      floorInterceptor(rules, config.responseFloorMs),
      guessInterceptor({ rules, limiter, limits, clock }),
    ],
  };
}
