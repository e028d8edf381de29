import type { ApiKey } from '../domain/api-key.ts';
import type { Clock } from '../domain/clock.ts';
import type { ProofRepository } from '../domain/dpop.ts';
import { DomainError } from '../domain/errors.ts';
import { networkOf } from '../domain/network.ts';
import type { ProofOfWork } from '../domain/proof-of-work.ts';
import type { Repositories } from '../domain/repositories.ts';
import type { Tenant } from '../domain/tenant.ts';
import { sha256 } from '../domain/token.ts';
import type { Limits } from '../flows/limits.ts';

export type WorkGateDeps = {
  readonly work: ProofOfWork;
  readonly proofs: ProofRepository;
  readonly budgets: Repositories['budgets'];
  readonly limits: Limits;
  readonly clock: Clock;
};

/** A call of a method that may ask for work. */
export type WorkedCall = {
  readonly tenant: Tenant;
  readonly key: ApiKey | undefined;
  readonly procedure: string;
  /** The network address of the caller. */
  readonly address: string;
  /** The value of the header `proof-of-work`; null: none. */
  readonly solution: string | null;
};

/**
 * Asks strangers for work before what bots would do by the thousand: by network and tenant, never by account, so
 * that it tells nothing of accounts. A back end of the tenant speaks for its users and is not asked.
 */
export function createWorkGate({ work, proofs, budgets, limits, clock }: WorkGateDeps) {
  /** Whether the network or the tenant is over its soft limit. */
  async function isBusy({ tenant, address }: WorkedCall): Promise<boolean> {
    const charge = (budget: Limits['freePerNetwork'], subject: string) =>
      budgets.charge(tenant.id, budget, sha256(subject), clock());
    const ofNetwork = await charge(limits.freePerNetwork, networkOf(address));
    const ofTenant = await charge(limits.freePerTenant, '');
    return ofNetwork > 0 || ofTenant > 0;
  }

  /** Returns whether the caller has worked for this call. */
  return async function requireWork(call: WorkedCall): Promise<boolean> {
    const { tenant, key, procedure, solution } = call;
    const { proofOfWork } = tenant.policy;
    if (proofOfWork === 'off' || key?.kind === 'secret') return false;
    if (proofOfWork === 'adaptive' && !(await isBusy(call))) return false;
    const scope = { tenantId: tenant.id, procedure };
    const done = solution === null ? undefined : await work.verify(solution, scope);
    if (done !== undefined && (await proofs.spend(tenant.id, done))) return true;
    throw new DomainError('PROOF_OF_WORK_REQUIRED', {
      headers: { 'proof-of-work-challenge': await work.challenge(scope) },
    });
  };
}

export type WorkGate = ReturnType<typeof createWorkGate>;
