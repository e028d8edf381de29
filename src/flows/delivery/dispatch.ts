import type { Clock } from '../../domain/clock.ts';
import {
  attemptDeadlineMs,
  DeliveryError,
  type DeliveryObserver,
  deliveryBatch,
  giveUpAfterMs,
  leaseMs,
  type Outgoing,
  retryDelayMs,
  type Transport,
  type Transports,
} from '../../domain/delivery.ts';
import type { ClaimedMessage, DeliveryOutcome, Message } from '../../domain/message.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { senderFor } from '../messages.ts';
import { countingCode, type SmsGuard } from '../sms-guard.ts';

export type DispatchDeps = {
  readonly store: Store<'outbox' | 'tenants' | 'smsUsage'>;
  readonly transports: Transports;
  readonly smsGuard: Pick<SmsGuard, 'chargeNotice'>;
  readonly clock: Clock;
  readonly observe: DeliveryObserver;
  /** Told of a failure that is ours and not the other side's. */
  readonly onError: (error: unknown) => void;
};

export type Dispatcher = {
  /** Claims what is due of a channel, once, and sends it; answers how many messages it was. */
  runOnce(channel: Message['channel'], stop?: AbortSignal): Promise<number>;
  /** Wipes what was given up and has expired: nobody can try it again. */
  wipeExpired(): Promise<number>;
};

/** How long a notice waits whose recipient has got too many. */
const limitedDelayMs = 600_000;
/** When a message that was not even tried is looked at again. */
const busyDelayMs = 30_000;
/** How long before the end of a lease nothing is begun any more. */
const leaseMarginMs = attemptDeadlineMs + 5000;
/** How many expired messages are wiped at a time. */
const wipeBatch = 100;

/**
 * Sends the messages that are due, each channel by itself. Any number of instances do so
 * at once: each claims rows that no other has, for a minute, and what one lost, because it
 * was killed or frozen, another one gets. So every message goes out at least once, and
 * twice only where an instance was lost, or an attempt cut off, between the other side's
 * yes and our note of it.
 */
export function createDispatcher(deps: DispatchDeps): Dispatcher {
  const { store, transports, smsGuard, clock, observe, onError } = deps;

  /** Sends one claimed message and notes how that ended. */
  async function deliver(claimed: ClaimedMessage, stop: AbortSignal): Promise<void> {
    const { message, tenantId, expiresAt } = claimed;
    const { channel } = message;
    const tenant = await store.tenants.findById(tenantId);
    const slug = tenant?.slug ?? '';
    const count: { -readonly [field in 'attempts' | 'charged']: DeliveryOutcome[field] } = {
      attempts: claimed.attempts,
      charged: claimed.charged,
    };
    const end = async (status: 'sent' | 'dead' | 'dropped', error: string) => {
      if (await store.outbox.settle(claimed, { ...count, status, error, at: clock() }))
        observe(channel, slug, status);
    };
    const later = async (delayMs: number, error: string) => {
      const at = new Date(clock().getTime() + delayMs);
      await store.outbox.settle(claimed, { ...count, status: 'queued', error, at });
    };

    // After the expiry of its code a message only misleads.
    if (expiresAt <= clock()) return await end('dropped', 'EXPIRED');
    if (tenant === undefined) return await end('dropped', 'TENANT_GONE');
    if (tenant.status !== 'active') return await later(busyDelayMs, 'TENANT_SUSPENDED');
    const transport = transports[channel];
    // A row of an older version may be of a channel that is captured here.
    if (transport === undefined) return await later(busyDelayMs, 'CHANNEL_CAPTURED');
    // Whoever asked for a code was counted when he did; of a notice it is counted now.
    if (channel === 'sms' && message.code === '' && !claimed.charged) {
      // Whoever uses a number's budget up does not keep its owner from being told: it goes out later.
      if (!(await smsGuard.chargeNotice(tenant, message.to)))
        return await later(limitedDelayMs, 'SMS_LIMITED');
      count.charged = true;
    }
    // Whoever was frozen is about to lose the claim, and begins nothing.
    if (clock().getTime() > claimed.leaseUntil.getTime() - leaseMarginMs)
      return await later(0, 'LEASE_SHORT');

    try {
      await attempt(transport, claimed, tenant, stop);
      count.attempts += 1;
      await end('sent', '');
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      if (error.fault === 'busy') return await later(busyDelayMs, error.code);
      count.attempts += 1;
      if (error.fault === 'permanent') return await end('dead', error.code);
      observe(channel, slug, 'failed');
      const delayMs = retryDelayMs(count.attempts);
      const isTooLate = clock().getTime() + delayMs > claimed.createdAt.getTime() + giveUpAfterMs;
      if (isTooLate) await end('dead', error.code);
      else await later(delayMs, error.code);
    }
  }

  async function attempt(
    transport: Transport,
    { id, message, claims, createdAt, tenantId }: ClaimedMessage,
    tenant: Tenant,
    stop: AbortSignal,
  ): Promise<void> {
    // The sender may have been given up since; the message goes out by the one that there is.
    const from = message.channel === 'email' ? senderFor(tenant.policy, message.from) : '';
    const outgoing: Outgoing = {
      id,
      message: { ...message, from },
      tenantName: tenant.name,
      mayBeDuplicate: claims > 1,
      createdAt,
    };
    const send = () => withinDeadline(stop, (signal) => transport.send(outgoing, signal));
    if (message.channel === 'sms' && message.code !== '')
      await countingCode(store, clock, tenantId, message, send);
    else await send();
  }

  return {
    async runOnce(channel: Message['channel'], stop = new AbortController().signal): Promise<number> {
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

/** Ends an attempt that takes too long, and one that we have to leave, on the wire as well. */
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
