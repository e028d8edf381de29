import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import { createAccessTokens } from '../adapters/access-tokens.ts';
import { createApplicationTokens } from '../adapters/application-tokens.ts';
import { createBreachCheck } from '../adapters/breach-check.ts';
import { createAssertionVerifier, subjectOfAssertion } from '../adapters/client-assertions.ts';
import type { loadKeyRing } from '../adapters/key-ring.ts';
import { createHeadSigner } from '../adapters/log-heads.ts';
import { createOutgoingFetch } from '../adapters/outgoing-fetch.ts';
import { createPasswordHasher } from '../adapters/password-hasher.ts';
import { createProofOfWork } from '../adapters/proof-of-work.ts';
import { isApplePrivateKey } from '../adapters/providers/apple.ts';
import { googleScopeUrls } from '../adapters/providers/google.ts';
import { createIdentityProviders } from '../adapters/providers/providers.ts';
import { renderQrCode } from '../adapters/qr-code.ts';
import { createReceiptSigner } from '../adapters/receipts.ts';
import { createRsaSigner } from '../adapters/rsa-signer.ts';
import { skeletonOf } from '../adapters/skeleton.ts';
import { createTxtLookup } from '../adapters/txt-lookup.ts';
import { createWebAuthn } from '../adapters/webauthn.ts';
import { signWebhook } from '../adapters/webhook-signer.ts';
import { type Config, hasEmulator } from '../config/config.ts';
import type { Clock } from '../domain/clock.ts';
import type { ConnectionKind } from '../domain/connection.ts';
import { parseNetworks } from '../domain/network.ts';
import type { Random } from '../domain/random.ts';
import type { Store } from '../domain/repositories.ts';
import type { Vault } from '../domain/vault.ts';
import type { Adapters } from '../features/core.ts';

export type AdapterParts = {
  readonly config: Config;
  readonly store: Store;
  readonly vault: Vault;
  readonly ring: Awaited<ReturnType<typeof loadKeyRing>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called for every password hash that is computed. */
  readonly onHash: (() => void) | undefined;
};

const thisMachine = parseNetworks(['127.0.0.0/8', '::1/128']);

/** The URL of the emulator of a kind of provider; undefined: the real provider. */
function emulatorOf({ googleEmulatorUrl, providerEmulatorUrl }: Config, kind: ConnectionKind) {
  // This service itself is no emulator's.
  if (kind === 'manam') return undefined;
  if (kind === 'google' && googleEmulatorUrl !== undefined) return googleEmulatorUrl;
  return providerEmulatorUrl && `${providerEmulatorUrl.replace(/\/$/, '')}/${kind}`;
}

/** Constructs the adapters of a running service. */
export async function createAdapters(parts: AdapterParts): Promise<Adapters> {
  const { config, store, vault, ring, clock, random, log, onHash } = parts;
  const { issuer, breachCheckUrl } = config;
  const outgoingFetch = createOutgoingFetch({ allowed: config.outgoingNetworks });
  return {
    store,
    vault,
    accessTokens: createAccessTokens({ ring, issuer, clock, random }),
    hasher: await createPasswordHasher({
      profile: config.hash,
      // Each worker has its share of the cores.
      cores: Math.ceil(availableParallelism() / config.workers),
      pepper: config.pepper,
      onHash,
    }),
    signReceipt: createReceiptSigner(ring, issuer, random),
    signHead: createHeadSigner(ring, issuer),
    signWebhook,
    providers: createIdentityProviders({
      outgoingFetch: createOutgoingFetch({
        // In development the tenant `manam` of this service is a provider on this machine.
        allowed: [
          ...config.outgoingNetworks,
          ...(hasEmulator(config) || !config.production ? thisMachine : []),
        ],
      }),
      emulated: (kind) => emulatorOf(config, kind),
      clock,
      onFailure: ({ name }, error) =>
        log.warn({ provider: name, err: error }, 'an identity provider did not answer as it should'),
    }),
    googleScopes: googleScopeUrls,
    passwordRules: {
      loadKnown: async () => (await import('../adapters/known-passwords.ts')).knownPasswords,
      isBreached:
        breachCheckUrl === undefined
          ? async () => false
          : createBreachCheck(breachCheckUrl, (error) =>
              log.warn({ err: error }, 'a new password could not be looked up and was taken'),
            ),
    },
    proofOfWork: createProofOfWork({ vault, clock, cost: config.workCost }),
    webAuthn: createWebAuthn(),
    renderQr: renderQrCode,
    outgoingFetch,
    lookUpTxt: createTxtLookup(config.dnsServers),
    skeletonOf,
    isApplePrivateKey,
    applicationTokens: createApplicationTokens(ring, createRsaSigner(), clock),
    verifyAssertion: createAssertionVerifier(outgoingFetch, clock),
    subjectOfAssertion,
    clock,
    random,
  };
}
