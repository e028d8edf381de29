import {
  attemptDeadlineMs,
  DeliveryError,
  giveUpAfterMs,
  leaseMs,
  type Outgoing,
  retryDelayMs,
} from '../../domain/delivery.ts';
import type { ClaimedMessage, Message } from '../../domain/model.ts';
import type { Clock, DeliveryObserver, Transport, Transports } from '../../domain/ports.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { noteCodeSent } from '../sms-guard.ts';

export type DispatchDeps = {
  readonly store: Store<'outbox' | 'tenants' | 'smsUsage'>;
  readonly transports: Transports;
  readonly clock: Clock;
  readonly observe: DeliveryObserver;
  /** Told of a failure that is ours and not the other side's. */
  readonly onError: (error: unknown) => void;
};

/** How many messages an instance has in hand at a time. */
const batchSize = 20;
/** When a message that was not even tried is looked at again. */
const busyDelayMs = 30_000;
/** How long before the end of a lease nothing is begun any more. */
const leaseMarginMs = 5000;

/**
 * Sends the messages that are due. Any number of instances do so at once: each claims
 * rows that no other has, for a minute, and what one lost, because it was killed or
 * frozen, another one gets. So every message goes out at least once, and twice only where
 * an instance was lost between the other side's yes and our note of it.
 */
export function createDispatcher({ store, transports, clock, observe, onError }: DispatchDeps) {
  const channels = Object.keys(transports) as Message['channel'][];

  /** Sends one claimed message and notes how that ended. */
  async function deliver(claimed: ClaimedMessage, leaseUntil: Date): Promise<void> {
    const { message, tenantId, expiresAt } = claimed;
    const { channel } = message;
    const transport = transports[channel];
    // A row of an older version may be of a channel that is captured here.
    if (transport === undefined) return;
    const tenant = await store.tenants.findById(tenantId);
    const slug = tenant?.slug ?? '';
    const end = async (status: 'sent' | 'dead' | 'dropped', error: string) => {
      if (await store.outbox.settle(claimed, { status, error, at: clock() })) observe(channel, slug, status);
    };
    const later = (delayMs: number, error: string) =>
      store.outbox.settle(claimed, { status: 'queued', error, at: new Date(clock().getTime() + delayMs) });

    // After the expiry of its code a message only misleads.
    if (expiresAt <= clock()) return await end('dropped', 'EXPIRED');
    if (tenant === undefined) return await end('dropped', 'TENANT_GONE');
    if (tenant.status !== 'active') return void (await later(busyDelayMs, 'TENANT_SUSPENDED'));
    if (channel === 'email' && !tenant.policy.senders.addresses.includes(message.from))
      return await end('dead', 'SENDER_NOT_REGISTERED');

    try {
      await attempt(transport, claimed, tenant, leaseUntil);
      await end('sent', '');
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      if (error.fault === 'busy') return void (await later(busyDelayMs, error.code));
      if (error.fault === 'permanent') return await end('dead', error.code);
      observe(channel, slug, 'failed');
      const delayMs = retryDelayMs(claimed.attempts);
      const isTooLate = clock().getTime() + delayMs > claimed.createdAt.getTime() + giveUpAfterMs;
      if (isTooLate) await end('dead', error.code);
      else await later(delayMs, error.code);
    }
  }

  async function attempt(
    transport: Transport,
    { id, message, attempts, createdAt, tenantId }: ClaimedMessage,
    tenant: Tenant,
    leaseUntil: Date,
  ): Promise<void> {
    // Counted before the gateway is asked; what cannot be counted is not sent (R45).
    if (message.channel === 'sms' && message.code !== '' && attempts === 1)
      await noteCodeSent(store, clock, tenantId, message.to);
    // Whoever was frozen has lost the claim.
    if (clock().getTime() > leaseUntil.getTime() - leaseMarginMs)
      throw new DeliveryError('busy', 'LEASE_LOST');
    const outgoing: Outgoing = { id, message, tenantName: tenant.name, attempt: attempts, createdAt };
    await withinDeadline(transport.send(outgoing));
  }

  return {
    /** Claims what is due, once, and sends it; answers how many messages it was. */
    async runOnce(): Promise<number> {
      if (channels.length === 0) return 0;
      const now = clock();
      const leaseUntil = new Date(now.getTime() + leaseMs);
      const claimed = await store.transaction(({ outbox }) =>
        outbox.claim(channels, batchSize, now, leaseUntil),
      );
      await Promise.all(claimed.map((each) => deliver(each, leaseUntil).catch(onError)));
      return claimed.length;
    },
  };
}

/** Gives up waiting for an attempt that takes too long; it may still succeed. */
async function withinDeadline(sending: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeliveryError('temporary', 'ATTEMPT_DEADLINE')), attemptDeadlineMs);
  });
  try {
    await Promise.race([sending, late]);
  } finally {
    clearTimeout(timer);
  }
}

export type Dispatcher = ReturnType<typeof createDispatcher>;
