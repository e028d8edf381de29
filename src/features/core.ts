import { type Config, isGoogleUsable } from '../config/config.ts';
import type { AccessTokens } from '../domain/access-token.ts';
import type { ApplicationTokens } from '../domain/application-token.ts';
import type { VerifyAssertion } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import type { TxtLookup } from '../domain/domain-proof.ts';
import type { ReceiptSigner } from '../domain/erasure.ts';
import type { IdentityProviders } from '../domain/identity-provider.ts';
import type { HeadSigner } from '../domain/log-head.ts';
import { networkOf } from '../domain/network.ts';
import type { OutgoingFetch } from '../domain/outgoing.ts';
import type { PasswordHasher } from '../domain/password.ts';
import type { GoogleScope } from '../domain/policy.ts';
import type { ProofOfWork } from '../domain/proof-of-work.ts';
import type { Random } from '../domain/random.ts';
import type { Store } from '../domain/repositories.ts';
import type { SkeletonOf } from '../domain/tenant-name.ts';
import type { QrRenderer } from '../domain/totp.ts';
import type { Vault } from '../domain/vault.ts';
import type { WebAuthn } from '../domain/webauthn.ts';
import type { SignWebhook } from '../domain/webhook.ts';
import { createAuthenticatorTypes } from '../flows/authenticators/kinds.ts';
import { createVerifier } from '../flows/authenticators/verify.ts';
import { createMessageCharge, createRecipientCharge } from '../flows/charges.ts';
import { createConnections } from '../flows/federation/connections.ts';
import { createLoginRequests } from '../flows/federation/login-requests.ts';
import { createResolveIdentity } from '../flows/federation/resolve-identity.ts';
import { createIdempotency } from '../flows/idempotency.ts';
import type { Limiter } from '../flows/limits.ts';
import { createPasswordCheck } from '../flows/password-check.ts';
import { createPasswordPolicy, type PasswordPolicyDeps } from '../flows/password-policy.ts';
import { createSubjects } from '../flows/provider/subject.ts';
import { createCompleteSignIn } from '../flows/sign-in/complete.ts';
import { createSessionGate } from '../flows/sign-in/session-gate.ts';
import { createSmsGuard } from '../flows/sms-guard.ts';
import { type HostedPage, hostedPagePath, newTenantPath } from '../pages/hosted-pages.ts';

/** The adapters that flows are built on. */
export type Adapters = {
  readonly store: Store;
  readonly vault: Vault;
  readonly accessTokens: AccessTokens;
  readonly hasher: PasswordHasher;
  readonly signReceipt: ReceiptSigner;
  readonly signHead: HeadSigner;
  readonly signWebhook: SignWebhook;
  readonly providers: IdentityProviders;
  /** The scopes of Google's data, as a policy names them. */
  readonly googleScopes: Readonly<Record<GoogleScope, string>>;
  readonly passwordRules: PasswordPolicyDeps;
  readonly proofOfWork: ProofOfWork;
  readonly webAuthn: WebAuthn;
  readonly renderQr: QrRenderer;
  readonly outgoingFetch: OutgoingFetch;
  readonly lookUpTxt: TxtLookup;
  readonly skeletonOf: SkeletonOf;
  /** Whether a text can be the private key of a client at Apple. */
  readonly isApplePrivateKey: (text: string) => Promise<boolean>;
  readonly applicationTokens: ApplicationTokens;
  readonly verifyAssertion: VerifyAssertion;
  readonly subjectOfAssertion: (assertion: string) => string;
  readonly clock: Clock;
  readonly random: Random;
};

/** The parts that several features share. */
export function createCore(adapters: Adapters, config: Config, limiter: Limiter) {
  const { store, vault, hasher, clock, random } = adapters;
  const { limits } = config;
  // In development what cannot be sent is captured.
  const guard = { limits, clock, isOn: config.sms !== undefined || !config.production };
  const chargeRecipient = createRecipientCharge({
    limiter,
    limits,
    smsGuard: createSmsGuard({ ...guard, store, limiter }),
    sessions: store.sessions,
  });
  const types = createAuthenticatorTypes({ store, vault, clock, random });
  const openSession = createSessionGate({
    sendCode: types.sms.sendCode,
    clock,
    random,
    chargeCode: async (repositories, caller, number) => {
      const inTransaction = limiter.over(repositories);
      await createMessageCharge(inTransaction, limits)(caller, 'user');
      const own = createSmsGuard({ ...guard, store: repositories, limiter: inTransaction });
      await own.chargeRequest(caller, number, { audience: 'user' });
    },
  });
  const hosted = (page: HostedPage) => (slug: string) =>
    `${new URL(config.issuer).origin}${hostedPagePath(slug, page)}`;
  return {
    subjectOf: createSubjects(adapters),
    deployment: config.issuer,
    chargeRecipient,
    undoPage: hosted('undo'),
    cancelPage: hosted('cancel-reset'),
    invitationPage: hosted('invitation'),
    newTenantPage: `${new URL(config.issuer).origin}${newTenantPath}`,
    chargeMessage: createMessageCharge(limiter, limits),
    passwords: createPasswordCheck({ store, hasher, vault, clock }),
    passwordPolicy: createPasswordPolicy(adapters.passwordRules),
    types,
    verify: createVerifier({ store, hasher, vault, types, clock }),
    signIn: createCompleteSignIn({
      ...adapters,
      openSession,
      reportPage: hosted('report'),
    }),
    requests: createLoginRequests({
      store,
      clock,
      random,
      chargeStart: ({ tenant, client }) =>
        limiter.charge(tenant.id, limits.loginStartsPerNetwork, networkOf(client.address)),
    }),
    resolveIdentity: createResolveIdentity({ store, clock, random }),
    connections: createConnections({
      store,
      sharedGoogle: config.google && { ...config.google, isUsable: isGoogleUsable(config) },
      googleScopes: adapters.googleScopes,
      origin: new URL(config.issuer).origin,
      deployment: config.issuer,
    }),
    idempotent: createIdempotency({ store, vault, clock }),
  };
}

export type Core = ReturnType<typeof createCore>;
