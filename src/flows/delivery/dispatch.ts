import type { Clock } from '../../domain/clock.ts';
import {
  attemptDeadlineMs,
  DeliveryError,
  type DeliveryObserver,
  deliveryBatch,
  giveUpAfterMs,
  leaseMs,
  retryDelayMs,
} from '../../domain/delivery.ts';
import type { Channel, ClaimedMessage, DeliveryOutcome } from '../../domain/message.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';

/** Delivers the messages of one channel. */
export type Sender = {
  /**
   * Decides whether a message may be sent now. `charged`: whether it is counted against its tenant's
   * budgets, which is kept with the message.
   */
  admit(
    claimed: ClaimedMessage,
    tenant: Tenant,
  ): Promise<
    | { readonly charged: boolean }
    | { readonly laterMs: number; readonly error: string }
    /** It is never sent; the text is for operators. */
    | { readonly refused: string }
  >;
  /** Sends a message once; throws DeliveryError. An abort of the signal also closes the connection. */
  send(claimed: ClaimedMessage, tenant: Tenant, signal: AbortSignal): Promise<void>;
};

export type Senders = Partial<Readonly<Record<Channel, Sender>>>;

export type DispatchDeps = {
  readonly store: Store<'outbox' | 'tenants'>;
  readonly senders: Senders;
  readonly clock: Clock;
  readonly observe: DeliveryObserver;
  /** Called with a failure that is ours and not the other side's. */
  readonly onError: (error: unknown) => void;
};

export type Dispatcher = {
  /** Claims the due messages of a channel, once, and sends them; returns their number. */
  runOnce(channel: Channel, stop?: AbortSignal): Promise<number>;
  /** Wipes dead messages that have expired: they cannot be retried any more. */
  wipeExpired(): Promise<number>;
};

/** Delay of a message that was not tried. */
const busyDelayMs = 30_000;
/** The time before the end of a lease in which no attempt begins. */
const leaseMarginMs = attemptDeadlineMs + 5000;
/** Expired messages that one statement wipes. */
const wipeBatch = 100;

/**
 * Delivers what the outbox holds, each channel by itself. Any number of instances do so
 * at once: each claims rows that no other has, for a minute, and what one lost, because it
 * was killed or frozen, another one gets. So every message goes out at least once, and
 * twice only where an instance was lost, or an attempt cut off, between the acceptance of the other
 * side and our record of it.
 */
export function createDispatcher({ store, senders, clock, observe, onError }: DispatchDeps): Dispatcher {
  /** Sends one claimed message and records how that ended. */
  async function deliver(claimed: ClaimedMessage, stop: AbortSignal): Promise<void> {
    const { message, tenantId, expiresAt, createdAt } = claimed;
    const { channel } = message;
    const tenant = await store.tenants.findById(tenantId);
    const slug = tenant?.slug ?? '';
    let { attempts, charged }: Pick<DeliveryOutcome, 'attempts' | 'charged'> = claimed;
    const end = async (status: 'sent' | 'dead' | 'dropped', error: string) => {
      if (await store.outbox.recordOutcome(claimed, { attempts, charged, status, error, at: clock() }))
        observe(channel, slug, status);
    };
    const later = async (delayMs: number, error: string) => {
      const at = new Date(clock().getTime() + delayMs);
      await store.outbox.recordOutcome(claimed, { attempts, charged, status: 'queued', error, at });
    };

    // After the expiry of its code a message only misleads.
    if (expiresAt <= clock()) return await end('dropped', 'EXPIRED');
    if (tenant === undefined) return await end('dropped', 'TENANT_GONE');
    if (tenant.status !== 'active') return await later(busyDelayMs, 'TENANT_SUSPENDED');
    const sender = senders[channel];
    // A row of an older version may be of a channel that is captured here.
    if (sender === undefined) return await later(busyDelayMs, 'CHANNEL_CAPTURED');
    const admission = await sender.admit(claimed, tenant);
    if ('refused' in admission) return await end('dropped', admission.refused);
    if ('laterMs' in admission) return await later(admission.laterMs, admission.error);
    ({ charged } = admission);
    // An instance that was frozen is about to lose the claim, and begins no attempt.
    if (clock().getTime() > claimed.leaseUntil.getTime() - leaseMarginMs)
      return await later(0, 'LEASE_SHORT');

    try {
      await withinDeadline(stop, (signal) => sender.send(claimed, tenant, signal));
      attempts += 1;
      await end('sent', '');
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      if (error.fault === 'busy') return await later(busyDelayMs, error.code);
      attempts += 1;
      if (error.fault === 'permanent') return await end('dead', error.code);
      observe(channel, slug, 'failed');
      const delayMs = retryDelayMs(attempts);
      const isTooLate = clock().getTime() + delayMs > createdAt.getTime() + giveUpAfterMs[channel];
      if (isTooLate) await end('dead', error.code);
      else await later(delayMs, error.code);
    }
  }

  return {
    async runOnce(channel: Channel, stop = new AbortController().signal): Promise<number> {
      const now = clock();
      const leaseUntil = new Date(now.getTime() + leaseMs);
      const claimed = await store.transaction(({ outbox }) =>
        outbox.claim(channel, deliveryBatch, now, leaseUntil),
      );
      await Promise.all(claimed.map((each) => deliver(each, stop).catch(onError)));
      return claimed.length;
    },

    wipeExpired: () => store.outbox.wipeExpired(clock(), wipeBatch),
  };
}

/** Ends an attempt that takes too long, or that a shutdown cuts off, on the wire as well. */
async function withinDeadline(
  stop: AbortSignal,
  send: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(attemptDeadlineMs)]);
  const cut = () => new DeliveryError('temporary', stop.aborted ? 'ATTEMPT_STOPPED' : 'ATTEMPT_DEADLINE');
  try {
    await send(signal);
  } catch (error) {
    if (signal.aborted) throw cut();
    throw error;
  }
}
