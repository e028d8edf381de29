import type { DescMethod } from '@bufbuild/protobuf';
import { LRUCache } from 'lru-cache';
import { type Access, RateClass } from '../../gen/manam/options/v1/access_pb.js';
import type { ProvedKey } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import {
  type Proof,
  ProofError,
  type ProofRepository,
  proofRefusal,
  proofWindowS,
  verifyProof,
} from '../domain/dpop.ts';
import type { RequestTarget } from '../rpc/context.ts';
import { mintsTokens } from './access-rules.ts';

export type KeyProofDeps = {
  readonly proofs: ProofRepository;
  readonly clock: Clock;
  /** Whether an origin, such as `https://id.example.com`, is one at which this service is reached. */
  readonly isOwnOrigin: (origin: string) => boolean;
};

/** What a call presents beside its body. */
export type Presented = {
  readonly tenantId: string;
  readonly method: DescMethod;
  readonly rule: Access;
  /** The request as it came in, before any transcoding. */
  readonly target: RequestTarget;
  /** The value of the `DPoP` header; null: none. */
  readonly proof: string | null;
  /** The access token, and the thumbprint of the key that it is bound to; undefined: no token, or one that is not bound. */
  readonly bound: { readonly token: string; readonly jkt: string } | undefined;
};

/** Number of proofs of reads that an instance remembers. */
const maxSpent = 100_000;

/**
 * Checks the proof of a call (RFC 9449, section 4.3) and spends it; returns the thumbprint of its key. A proof is
 * good once: for what mints tokens or writes once in the database, for reads once at each
 * instance. Where nothing is bound and nothing minted, a proof is looked at only in place
 * of a proof of work, to recognize the device of an owner.
 */
export function createKeyProof({ proofs, clock, isOwnOrigin }: KeyProofDeps) {
  // It takes its 4 MB at once: most services never see a proof.
  let spent: LRUCache<string, true> | undefined;

  async function verify(text: string, { target, bound }: Presented): Promise<Proof> {
    const path = new URL(target.path, 'http://localhost').pathname;
    const isUrl = ({ origin, pathname }: URL) => pathname === path && isOwnOrigin(origin);
    try {
      return await verifyProof(text, { method: target.method, isUrl, accessToken: bound?.token }, clock());
    } catch (error) {
      throw error instanceof ProofError ? proofRefusal(error.fault, clock()) : error;
    }
  }

  async function spend({ tenantId, rule, method }: Presented, proof: Proof): Promise<boolean> {
    if (!rule.retrySafe || mintsTokens(method)) return await proofs.spend(tenantId, proof);
    spent ??= new LRUCache({ max: maxSpent, ttl: 2 * (proofWindowS + 1) * 1000 });
    if (spent.has(proof.id)) return false;
    spent.set(proof.id, true);
    return true;
  }

  return async function proveKey(presented: Presented): Promise<Omit<ProvedKey, 'bindsAccess'> | undefined> {
    const { proof: text, bound, method } = presented;
    if (text === null && bound !== undefined) throw proofRefusal('missing', clock());
    const isLookedAt = bound !== undefined || mintsTokens(method) || presented.rule.proofOfWork;
    if (text === null || !isLookedAt) return undefined;
    const proof = await verify(text, presented);
    if (bound !== undefined && bound.jkt !== proof.jkt) throw proofRefusal('key', clock());
    const spendOnce = async () => {
      if (!(await spend(presented, proof))) throw proofRefusal('replay', clock());
    };
    // Where nothing else has been charged yet, the flow spends it once it knows the caller: strangers write no rows.
    const isOpen = bound === undefined && presented.rule.rate === RateClass.STANDARD;
    if (!isOpen) await spendOnce();
    return { jkt: proof.jkt, spend: isOpen ? spendOnce : async () => {} };
  };
}

export type KeyProof = ReturnType<typeof createKeyProof>;

/**
 * Whether an origin is one of those that are configured. A service on this machine, as in
 * development, is reached at any of the machine's own addresses.
 */
export function createOwnOrigins(origins: readonly string[]): (origin: string) => boolean {
  const known = new Set(origins.map((origin) => new URL(origin).origin));
  const isLocal = [...known].some(isLoopback);
  return (origin) => known.has(origin) || (isLocal && isLoopback(origin));
}

function isLoopback(origin: string): boolean {
  return URL.canParse(origin) && ['localhost', '127.0.0.1', '[::1]'].includes(new URL(origin).hostname);
}
