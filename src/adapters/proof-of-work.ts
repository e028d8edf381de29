import { createChallenge, extractParams, verifySolution } from 'altcha-lib/v1';
import type { Clock } from '../domain/clock.ts';
import type { ProofOfWork, WorkScope } from '../domain/proof-of-work.ts';
import { sha256 } from '../domain/token.ts';
import type { Vault } from '../domain/vault.ts';

/** Lifetime of a challenge. */
const lifetimeMs = 300_000;
/** The longest solution, in characters. */
const maxLength = 2048;

export type ProofOfWorkDeps = {
  readonly vault: Vault;
  readonly clock: Clock;
  /** The most hashes that a challenge takes; half of them on average. */
  readonly cost: number;
};

/** Challenges of ALTCHA, signed and bound to tenant and RPC: nothing of them is kept before they are solved. */
export function createProofOfWork({ vault, clock, cost }: ProofOfWorkDeps): ProofOfWork {
  const keyOf = ({ tenantId }: WorkScope) =>
    vault.mac('proof-of-work', Buffer.from(tenantId)).toString('hex');
  return {
    async challenge(scope) {
      const challenge = await createChallenge({
        hmacKey: keyOf(scope),
        maxNumber: cost,
        expires: new Date(clock().getTime() + lifetimeMs),
        params: { rpc: scope.procedure },
      });
      return Buffer.from(JSON.stringify(challenge)).toString('base64url');
    },

    async verify(text, scope) {
      if (text.length > maxLength) return undefined;
      const payload = Buffer.from(text, 'base64url').toString('base64');
      try {
        // The clock is ours: the library would take that of the machine.
        if (!(await verifySolution(payload, keyOf(scope), false))) return undefined;
        const { rpc, expires } = extractParams(payload);
        const expiresAt = new Date(Number(expires) * 1000);
        if (rpc !== scope.procedure || !(expiresAt > clock())) return undefined;
        const { challenge } = JSON.parse(Buffer.from(text, 'base64url').toString()) as { challenge: string };
        return { id: sha256(challenge).toString('base64url'), expiresAt };
      } catch {
        // Whatever is wrong with it, it is no solution.
        return undefined;
      }
    },
  };
}
