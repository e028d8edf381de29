import { setTimeout as pause } from 'node:timers/promises';
import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { dayMs } from '../domain/duration.ts';
import { DomainError } from '../domain/errors.ts';
import type { IdempotencyKey } from '../domain/idempotency.ts';
import type { Repositories, Store } from '../domain/repositories.ts';
import type { Vault } from '../domain/vault.ts';

/** Time for which a stored response is returned (R68). */
const lifetimeMs = dayMs;
/** Lease of the first caller, longer than any call may last. */
const leaseMs = 15_000;
/** Longest wait of another caller with the same key. */
const maxWaitMs = 5000;
const pollMs = 50;

const purpose = 'idempotency-key';

export type IdempotencyDeps = {
  readonly store: Store<'idempotency'>;
  readonly vault: Vault;
  readonly clock: Clock;
};

/** A flow: caller and command in, result out. */
export type Flow<Command, Result> = (caller: Caller, command: Command) => Promise<Result>;

/** Flows by name; some stand together in an object. */
export type FlowTree = { readonly [name: string]: Flow<never, unknown> | FlowTree };

/**
 * Keeps the result of a flow in the flow's own transaction, so that an answer that is
 * lost after COMMIT can be had again. Without an idempotency key it does nothing.
 */
export async function rememberResult(
  { idempotency }: Pick<Repositories, 'idempotency'>,
  caller: Caller,
  result: unknown,
): Promise<void> {
  const claim = caller.idempotency?.claim;
  if (claim === undefined) return;
  const isMine = await idempotency.complete(
    { tenantId: caller.tenant.id, ...claim },
    JSON.stringify({ result }),
  );
  // The work outlived its lease and someone else has begun it again: theirs counts.
  if (!isMine) throw new DomainError('CONFLICT', { retryAfterMs: 1000 });
}

/**
 * Makes flows idempotent (R68). The contract alone decides which: the gate sets `caller.idempotency` for
 * the methods that honour a key. The first flow that a handler calls runs under the key: another
 * request with the same key is rejected, and a call that fails gives the key back.
 */
export function createIdempotency({ store, vault, clock }: IdempotencyDeps) {
  const started = new WeakSet<IdempotencyKey>();

  function once<Command, Result>(flow: Flow<Command, Result>): Flow<Command, Result> {
    return async (caller, command) => {
      const key = caller.idempotency;
      if (key === undefined || started.has(key)) return await flow(caller, command);
      started.add(key);
      const tenantId = caller.tenant.id;
      const { session, pending, member, key: apiKey } = caller;
      const presenter = session?.id ?? pending?.challengeId ?? member?.userId ?? apiKey?.id ?? '';
      // Keyed, because the request may hold a password.
      const mac = (text: string) => vault.mac(purpose, Buffer.from(text));
      const digest = mac(JSON.stringify([tenantId, key.method, presenter, key.key]));
      const requestDigest = mac(JSON.stringify([key.method, command]));

      const { deadline } = caller;
      const until = performance.now() + Math.min(maxWaitMs, deadline.leftMs());
      let leaseUntil = await claim(tenantId, digest, requestDigest);
      while (leaseUntil === undefined) {
        const known = await store.idempotency.find(tenantId, digest);
        if (known !== undefined && !known.requestDigest.equals(requestDigest)) {
          throw new DomainError('IDEMPOTENCY_KEY_REUSED');
        }
        if (known?.answer !== undefined) return (JSON.parse(known.answer) as { result: Result }).result;
        // Nothing is begun for a caller who is gone.
        if (performance.now() > until || deadline.signal.aborted)
          throw new DomainError('CONFLICT', { retryAfterMs: 1000 });
        await pause(pollMs);
        leaseUntil = await claim(tenantId, digest, requestDigest);
      }

      const claimed: Caller = { ...caller, idempotency: { ...key, claim: { digest, leaseUntil } } };
      try {
        const result = await flow(claimed, command);
        await rememberResult(store, claimed, result);
        return result;
      } catch (error) {
        await store.idempotency.release({ tenantId, digest, leaseUntil });
        throw error;
      }
    };
  }

  /** The same flows, idempotent: every function of the object, and of the objects in it. */
  return function idempotent<Flows extends FlowTree>(flows: Flows): Flows {
    const entries = Object.entries(flows).map(([name, flow]) => [
      name,
      typeof flow === 'function' ? once(flow as Flow<unknown, unknown>) : idempotent(flow),
    ]);
    return Object.fromEntries(entries) as Flows;
  };

  /** Claims the key; returns the end of the lease, or undefined where another call holds the key. */
  async function claim(tenantId: string, digest: Buffer, requestDigest: Buffer): Promise<Date | undefined> {
    const now = clock();
    const leaseUntil = new Date(now.getTime() + leaseMs);
    const expiresAt = new Date(now.getTime() + lifetimeMs);
    const claimed = await store.idempotency.claim(
      { tenantId, digest, requestDigest, leaseUntil, expiresAt },
      now,
    );
    return claimed ? leaseUntil : undefined;
  }
}
