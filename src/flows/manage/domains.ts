import type { Manager } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import {
  type DomainProof,
  maxDomains,
  parseDomain,
  recordContentOf,
  recordOf,
  type TxtLookup,
} from '../../domain/domain-proof.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { record } from '../events/record.ts';
import { asActor } from './manager.ts';

export type DomainsDeps = {
  readonly store: Store<'domains' | 'tenants' | 'events'>;
  readonly lookUpTxt: TxtLookup;
  readonly clock: Clock;
  readonly random: Random;
};

/** The domains of a tenant, which it proves by a record in the DNS: senders and relying parties may lie below them. */
export function createDomains(deps: DomainsDeps) {
  const { store, lookUpTxt, clock, random } = deps;

  async function find(tenant: Tenant, text: string): Promise<DomainProof> {
    const found = await store.domains.find(tenant.id, parseDomain(text));
    if (found === undefined) throw new DomainError('NOT_FOUND');
    return found;
  }

  return {
    list: (tenant: Tenant): Promise<DomainProof[]> => store.domains.list(tenant.id),

    /** Begins a proof; one that has begun goes on. */
    async add(tenant: Tenant, text: string): Promise<DomainProof> {
      const name = parseDomain(text);
      const made: DomainProof = {
        tenantId: tenant.id,
        name,
        token: random.bytes(20).toString('hex'),
        createdAt: clock(),
        verifiedAt: undefined,
      };
      return await store.transaction(async ({ domains, tenants }) => {
        await tenants.findForUpdate(tenant.id);
        const known = await domains.list(tenant.id);
        const same = known.find((each) => each.name === name);
        if (same !== undefined) return same;
        if (known.length >= maxDomains)
          throw new DomainError('DOMAIN_LIMIT', { metadata: { most: String(maxDomains) } });
        await domains.insert(made);
        return made;
      });
    },

    /** Looks for the record; throws DOMAIN_UNPROVED where it is not there, or says something else. */
    async verify(manager: Manager, tenant: Tenant, text: string): Promise<DomainProof> {
      const proof = await find(tenant, text);
      if (proof.verifiedAt !== undefined) return proof;
      const records = await lookUpTxt(recordOf(proof.name)).catch((error: unknown) => {
        throw new DomainError('UNAVAILABLE', { cause: error });
      });
      if (!records.includes(recordContentOf(proof))) throw new DomainError('DOMAIN_UNPROVED');
      const verifiedAt = clock();
      await store.transaction(async (repositories) => {
        await repositories.domains.verify(tenant.id, proof.name, verifiedAt);
        const details = { domain: proof.name };
        await record(repositories, deps, asActor(manager, tenant), { type: 'domain.verified', details });
      });
      return { ...proof, verifiedAt };
    },

    /** Forgets a domain. What the policy has by it stays as it is, and cannot be chosen again. */
    async remove(manager: Manager, tenant: Tenant, text: string): Promise<void> {
      const { name } = await find(tenant, text);
      await store.transaction(async (repositories) => {
        if (!(await repositories.domains.delete(tenant.id, name))) throw new DomainError('NOT_FOUND');
        const details = { domain: name };
        await record(repositories, deps, asActor(manager, tenant), { type: 'domain.removed', details });
      });
    },
  };
}

export type Domains = ReturnType<typeof createDomains>;
