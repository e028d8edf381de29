import { type DescMethod, getOption } from '@bufbuild/protobuf';
import type { Logger } from 'pino';
import { access } from '../../gen/manam/options/v1/access_pb.js';
import { createBreachCheck } from '../adapters/breach-check.ts';
import { createGoogle, googleEndpointsOf } from '../adapters/google.ts';
import { loadPasswordBlocklist } from '../adapters/password-blocklist.ts';
import { createPasswordStrength } from '../adapters/password-strength.ts';
import { renderQrCode } from '../adapters/qr-code.ts';
import type { Config } from '../config/config.ts';
import type { AccessTokens } from '../domain/access-token.ts';
import type { Clock } from '../domain/clock.ts';
import type { ReceiptSigner } from '../domain/erasure.ts';
import { networkOf } from '../domain/network.ts';
import type { PasswordHasher } from '../domain/password.ts';
import type { Random } from '../domain/random.ts';
import type { Store } from '../domain/repositories.ts';
import type { Vault } from '../domain/vault.ts';
import { createChangeIdentifier, createStartChange } from '../flows/accounts/change-identifier.ts';
import { createConfirmEmail, createConfirmSms } from '../flows/accounts/confirm.ts';
import { createDeleteAccount } from '../flows/accounts/delete-account.ts';
import { createEditUser } from '../flows/accounts/edit-user.ts';
import { createManamUser } from '../flows/accounts/manam-user.ts';
import { createRegister } from '../flows/accounts/register.ts';
import { createRemoveIdentifier } from '../flows/accounts/remove-identifier.ts';
import { createSendConfirmation } from '../flows/accounts/send-confirmation.ts';
import { createReadUser, createViewUser } from '../flows/accounts/view-user.ts';
import { createSecondFactors } from '../flows/authenticators/codes.ts';
import { createEnrolment } from '../flows/authenticators/enrol.ts';
import { createManageFactors } from '../flows/authenticators/manage.ts';
import { createGoogleLogin } from '../flows/federation/google.ts';
import { createLoginRequests } from '../flows/federation/login-requests.ts';
import { createManamLogin } from '../flows/federation/manam.ts';
import { createResolveIdentity } from '../flows/federation/resolve-identity.ts';
import { createIdempotency } from '../flows/idempotency.ts';
import { createMessageCharge, createRecipientCharge, type Limiter } from '../flows/limits.ts';
import { createPasswordCheck } from '../flows/password-check.ts';
import { createPasswordPolicy } from '../flows/password-policy.ts';
import { createChangePassword } from '../flows/recovery/change-password.ts';
import { createEndRecovery } from '../flows/recovery/end-recovery.ts';
import { createRecover } from '../flows/recovery/recover.ts';
import { createIntrospectToken } from '../flows/sessions/introspect-token.ts';
import { createManageSessions } from '../flows/sessions/manage-sessions.ts';
import { createReauthenticate } from '../flows/sessions/reauthenticate.ts';
import { createRefreshToken } from '../flows/sessions/refresh-token.ts';
import { createRedeemLoginCode } from '../flows/sign-in/login-code.ts';
import { createLogin } from '../flows/sign-in/password.ts';
import { createValidate } from '../flows/sign-in/second-factor.ts';
import { createSessionGate } from '../flows/sign-in/session-gate.ts';
import { createSmsGuard } from '../flows/sms-guard.ts';
import { manamLoginPage } from '../pages/manam-login.ts';
import { type Flows, services } from '../rpc/services.ts';

/** What flows and server are made of. */
export type Adapters = {
  readonly store: Store;
  readonly vault: Vault;
  readonly accessTokens: AccessTokens;
  readonly hasher: PasswordHasher;
  readonly signReceipt: ReceiptSigner;
  readonly clock: Clock;
  readonly random: Random;
};

/** Every flow, with the idempotency that the contract declares. */
export function createFlows(
  { store, vault, accessTokens, hasher, signReceipt, clock, random }: Adapters,
  config: Config,
  limiter: Limiter,
  log: Logger,
): Flows {
  const { limits } = config;
  const { origin } = new URL(config.issuer);
  // In development what cannot be sent is captured.
  const guard = { limits, clock, isOn: config.sms !== undefined || !config.production };
  const smsGuard = createSmsGuard({ ...guard, store, limiter });
  const chargeRecipient = createRecipientCharge(limiter, limits, smsGuard);
  const chargeMessage = createMessageCharge(limiter, limits);
  const passwords = createPasswordCheck({ store, hasher, vault, clock });
  const secondFactors = createSecondFactors({ store, hasher, vault, clock, random });
  const openSession = createSessionGate({
    secondFactors,
    clock,
    random,
    chargeCode: async (repositories, caller, number) => {
      const inTransaction = limiter.over(repositories);
      await createMessageCharge(inTransaction, limits)(caller, 'user');
      const own = createSmsGuard({ ...guard, store: repositories, limiter: inTransaction });
      await own.chargeRequest(caller, number, 'user');
    },
  });
  const { idempotent, names } = createIdempotency({ store, vault, clock });
  const passwordPolicy = createPasswordPolicy({
    blocklist: loadPasswordBlocklist(),
    strengthOf: createPasswordStrength(),
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
  const requests = createLoginRequests({
    store,
    clock,
    random,
    chargeStart: ({ tenant, client }) =>
      limiter.charge(tenant.id, limits.loginStartsPerNetwork, networkOf(client.address)),
  });
  const resolveIdentity = createResolveIdentity({ store, clock, random });
  const federationDeps = { ...sessionDeps, requests, resolveIdentity, openSession };
  const google = createGoogle({
    endpoints: googleEndpointsOf(config.googleEmulatorUrl),
    callbackUrl: `${origin}/googlelogin/callback`,
    clock,
    onProfileFailure: (error) => log.warn({ err: error }, 'a Google profile could not be read'),
  });
  const sendSmsCode = idempotent('SendSmsCode', factors.sendSmsCode);
  const flows: Flows = {
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
    readUser: createReadUser({ store }),
    editUser: idempotent(
      'EditUser',
      createEditUser({ store, clock, random, startChange: createStartChange(changeDeps), chargeMessage }),
    ),
    changeIdentifier: {
      ...changeIdentifier,
      startEmailChange: idempotent('StartEmailChange', changeIdentifier.startEmailChange),
      startMobileChange: idempotent('StartMobileChange', changeIdentifier.startMobileChange),
    },
    removeIdentifier: createRemoveIdentifier({ store, clock, random }),
    deleteAccount: createDeleteAccount({ store, signReceipt, clock, random }),
    manamUser: createManamUser({ store, vault }),
    google: createGoogleLogin({ ...federationDeps, google, defaultClient: config.google }),
    manamLogin: createManamLogin({
      ...federationDeps,
      issuer: config.issuer,
      pageUrl: `${origin}${manamLoginPage}`,
    }),
    redeemLoginCode: createRedeemLoginCode(federationDeps),
  };
  assertDeclared(names);
  return flows;
}

/** Stops the server where flows and contract disagree on which calls honour an idempotency key. */
function assertDeclared(kept: ReadonlySet<string>): void {
  const methods = services.flatMap((service) => service.methods);
  const differs = (method: DescMethod) => getOption(method, access).idempotencyKey !== kept.has(method.name);
  const differing = methods.filter(differs).map(({ name }) => name);
  if (differing.length > 0) {
    throw new Error(`the contract and the flows disagree on idempotency of ${differing.join(', ')}`);
  }
}
