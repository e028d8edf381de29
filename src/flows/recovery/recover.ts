import type { Caller } from '../../domain/caller.ts';
import { type IdentifierInput, parseIdentifier } from '../../domain/identifier.ts';
import type { ChallengePurpose, IdentifierKind, OutboxEntry } from '../../domain/model.ts';
import { digestCode, makeDigitCode } from '../../domain/one-time-code.ts';
import type { Clock, Random, Vault } from '../../domain/ports.ts';
import type { Store } from '../../domain/repositories.ts';
import { formatChallengeToken, sha256 } from '../../domain/token.ts';
import { auditEvent } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';
import type { RecipientCharge } from '../limits.ts';
import { composeEmail, composeSms, type Recipient } from '../messages.ts';

export type RecoverDeps = {
  readonly store: Store<'users' | 'challenges' | 'outbox' | 'audit' | 'idempotency'>;
  readonly chargeRecipient: RecipientCharge;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** How long a link and a code are good (R34). */
const linkLifetimeMs = 1_800_000;
const codeLifetimeMs = 600_000;

export const recoveryPurposes = {
  email: 'recover-email',
  mobile: 'recover-sms',
} as const satisfies Record<IdentifierKind, ChallengePurpose>;

/**
 * Sends what a forgotten password can be replaced with, to a confirmed address or
 * number; the answer never tells whether there is one. A locked account can be
 * recovered, and asking locks nothing (R10).
 */
export function createRecover({ store, chargeRecipient, ...deps }: RecoverDeps) {
  return async function recover(caller: Caller, command: IdentifierInput): Promise<void> {
    const { id: tenantId, policy } = caller.tenant;
    const identifier = parseIdentifier(command, policy);
    await chargeRecipient(tenantId, 'recover', identifier.canonical);
    const held = await store.users.findIdentifier(tenantId, identifier);

    await store.transaction(async (repositories) => {
      if (held?.confirmedAt !== undefined) {
        const to = {
          kind: held.kind,
          address: held.address,
          userLocale: held.locale,
          senderEmail: held.senderEmail,
        };
        const draft = (held.kind === 'email' ? byLink : byCode)(deps, caller, held.userId, to);
        await repositories.challenges.put({
          id: draft.id,
          tenantId,
          userId: held.userId,
          purpose: recoveryPurposes[held.kind],
          slot: held.userId,
          digest: draft.digest,
          identifier: held.address,
          data: undefined,
          expiresAt: draft.message.expiresAt,
        });
        await repositories.outbox.add(draft.message);
      }
      await repositories.audit.add(auditEvent(deps, caller, 'recover', 'success', { userId: held?.userId }));
      await rememberResult(repositories, caller, undefined);
    });
  };
}

type Draft = { readonly id: string; readonly digest: Buffer; readonly message: OutboxEntry };
type DraftDeps = Pick<RecoverDeps, 'vault' | 'clock' | 'random'>;

function byLink(deps: DraftDeps, caller: Caller, _userId: string, to: Recipient): Draft {
  const id = deps.random.uuid();
  const verifier = deps.random.bytes(32);
  const message = composeEmail(deps, caller, to, {
    template: 'recover',
    page: caller.tenant.policy.pages.recover,
    parameter: { name: 'token', token: formatChallengeToken(id, verifier) },
    lifetimeMs: linkLifetimeMs,
  });
  return { id, digest: sha256(verifier), message };
}

function byCode(deps: DraftDeps, caller: Caller, userId: string, to: Recipient): Draft {
  const code = makeDigitCode(deps.random);
  const scope = { tenantId: caller.tenant.id, purpose: recoveryPurposes.mobile, subject: userId };
  const message = composeSms(deps, caller, to, { template: 'recover-sms', code, lifetimeMs: codeLifetimeMs });
  return { id: deps.random.uuid(), digest: digestCode(deps.vault, scope, code), message };
}
