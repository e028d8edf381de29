import { dayMs } from '../../domain/duration.ts';
import type { LoggedEvent } from '../../domain/event-log.ts';
import { OutgoingError, type OutgoingFetch } from '../../domain/outgoing.ts';
import type { Store } from '../../domain/repositories.ts';
import {
  attemptMs,
  claimMs,
  type DisabledReason,
  giveUpMs,
  keptResponse,
  never,
  pauseAfter,
  type SignWebhook,
  type Webhook,
  type WebhookDelivery,
} from '../../domain/webhook.ts';
import { record, serviceActor } from '../events/record.ts';
import { type TellDisabledDeps, tellDisabled } from './tell-disabled.ts';

export type DeliverDeps = TellDisabledDeps & {
  readonly store: Store<'webhooks' | 'eventLogs' | 'tenants' | 'members' | 'users' | 'outbox' | 'events'>;
  readonly outgoingFetch: OutgoingFetch;
  readonly sign: SignWebhook;
  readonly observe: (outcome: 'delivered' | 'failed' | 'given_up') => void;
  /** Called with a failure that is ours and not the receiver's. */
  readonly onError: (error: unknown) => void;
};

/** Attempts at a time of this instance, of one tenant, of one webhook, and of one that fails. */
const maxRunning = 64;
const maxPerTenant = 16;
const maxPerWebhook = 4;
const maxPerFailing = 1;
/** Time for which a webhook is left out whose secret does not open. */
const unreadableMs = 60_000;
const maxResponseBytes = 64 * 1024;
const suspendedMs = 60_000;
/** The longest that a receiver may ask us to wait. */
const maxRetryAfterMs = dayMs;

/** How an attempt went. `statusCode` 0: there was no response. */
type Attempted = {
  readonly statusCode: number;
  readonly error: string;
  readonly response: string;
  readonly retryAfterMs: number;
};

/** The body of a delivery: ids only (Standard Webhooks, "Payload structure"). */
export function bodyOf(event: LoggedEvent): string {
  const { id, type, outcome, reason, userId, sessionId, keyId, requestId, details, position, createdAt } =
    event;
  const timestamp = createdAt.toISOString();
  const data = {
    event_id: id,
    outcome,
    reason,
    user_id: userId ?? '',
    session_id: sessionId ?? '',
    key_id: keyId ?? '',
    request_id: requestId,
    details,
    position,
  };
  return JSON.stringify({ type, timestamp, data });
}

/**
 * Sends deliveries that are due. Each webhook has few attempts at a time, and one that fails has one, so that a slow
 * receiver holds up no other. Any number of instances do so at once: an attempt begins with a claim.
 */
export function createDeliver(deps: DeliverDeps) {
  const { store, clock, observe, onError } = deps;
  const perWebhook = createPlaces();
  const perTenant = createPlaces();
  const unreadable = new Map<string, number>();
  const attempting = new Set<Promise<void>>();

  function begin(webhook: Webhook, delivery: WebhookDelivery, stop: AbortSignal): void {
    const leave = [
      perWebhook.enter(webhook.id, webhook.failingSince === undefined ? maxPerWebhook : maxPerFailing),
      perTenant.enter(webhook.tenantId, maxPerTenant),
    ];
    const attempt = deliver(webhook, delivery, stop)
      .catch(onError)
      .finally(() => {
        for (const each of leave) each();
        attempting.delete(attempt);
      });
    attempting.add(attempt);
  }

  /** Reads a webhook with its secrets; one that cannot be read is left out for a while, and holds up no other. */
  async function read({ tenantId, webhookId }: WebhookDelivery): Promise<Webhook | undefined> {
    try {
      return await store.webhooks.find(tenantId, webhookId);
    } catch (error) {
      unreadable.set(webhookId, clock().getTime() + unreadableMs);
      onError(error);
      return undefined;
    }
  }

  async function deliver(webhook: Webhook, delivery: WebhookDelivery, stop: AbortSignal): Promise<void> {
    const { tenantId } = delivery;
    if (!(await store.webhooks.claim(delivery, new Date(clock().getTime() + claimMs)))) return;
    const tenant = await store.tenants.findById(tenantId);
    if (tenant?.status !== 'active') return await later(delivery, delivery.attempts, suspendedMs);
    const event = await store.eventLogs.findSealed(tenantId, delivery.eventId);
    if (event === undefined) {
      await note(delivery, { statusCode: 0, error: 'EVENT_GONE', response: '', retryAfterMs: 0 }, 0);
      await end(delivery, 'failed', delivery.attempts);
      return;
    }
    const startedAt = performance.now();
    const attempted = await send(deps, webhook, event, stop);
    // An attempt that a shutdown cut off does not count.
    if (stop.aborted && attempted.statusCode === 0) return await later(delivery, delivery.attempts, 0);
    await note(delivery, attempted, performance.now() - startedAt);
    await settle(webhook, delivery, attempted);
  }

  async function settle(webhook: Webhook, delivery: WebhookDelivery, attempted: Attempted): Promise<void> {
    const { tenantId, id } = webhook;
    const { statusCode, retryAfterMs } = attempted;
    const attempts = delivery.attempts + 1;
    if (statusCode >= 200 && statusCode < 300) {
      if (await end(delivery, 'delivered', attempts)) observe('delivered');
      if (webhook.failingSince !== undefined)
        await store.webhooks.update(tenantId, id, { failingSince: undefined });
      return;
    }
    const now = clock();
    observe('failed');
    await store.webhooks.noteFailure(tenantId, id, now);
    const failingSince = webhook.failingSince ?? now;
    if (statusCode === 410) await disable(webhook, 'GONE');
    else if (now.getTime() - failingSince.getTime() >= giveUpMs) await disable(webhook, 'FAILING');
    const pauseMs = Math.max(retryAfterMs, pauseAfter(attempts, deps.random.int(1001) / 1000));
    if (now.getTime() + pauseMs > delivery.since.getTime() + giveUpMs) {
      if (await end(delivery, 'failed', attempts)) observe('given_up');
    } else await later(delivery, attempts, statusCode === 410 ? never.getTime() - now.getTime() : pauseMs);
  }

  async function later(delivery: WebhookDelivery, attempts: number, pauseMs: number): Promise<void> {
    const nextAttemptAt = new Date(clock().getTime() + pauseMs);
    await store.webhooks.end(delivery, { status: 'pending', attempts, nextAttemptAt, endedAt: undefined });
  }

  async function end(
    delivery: WebhookDelivery,
    status: 'delivered' | 'failed',
    attempts: number,
  ): Promise<boolean> {
    const now = clock();
    return await store.webhooks.end(delivery, { status, attempts, nextAttemptAt: now, endedAt: now });
  }

  async function note(
    { tenantId, id }: WebhookDelivery,
    attempted: Attempted,
    durationMs: number,
  ): Promise<void> {
    const { retryAfterMs: _, ...rest } = attempted;
    const row = { tenantId, id: deps.random.uuid(), deliveryId: id, ...rest };
    await store.webhooks.addAttempt({ ...row, durationMs: Math.round(durationMs), createdAt: clock() });
  }

  /** Disables a webhook and notifies the team of its tenant; undelivered events wait until it is enabled again. */
  async function disable({ tenantId, id }: Webhook, cause: DisabledReason): Promise<void> {
    const actor = serviceActor(tenantId);
    await store.transaction(async (repositories) => {
      // One change at a time: another instance may have seen the same failures.
      const tenant = await repositories.tenants.findForUpdate(tenantId);
      const webhook = await repositories.webhooks.find(tenantId, id);
      if (tenant === undefined || webhook === undefined || webhook.disabledReason !== undefined) return;
      await repositories.webhooks.update(tenantId, id, { disabledReason: cause });
      await repositories.webhooks.postpone(tenantId, id, never);
      await record(repositories, deps, actor, { type: 'webhook.disabled', details: { webhook: id, cause } });
      await tellDisabled(repositories, deps, tenant, webhook);
    });
  }

  return {
    /** Begins attempts of what is due, and does not wait for them; returns their number. */
    async runOnce(stop: AbortSignal): Promise<number> {
      const room = maxRunning - attempting.size;
      if (room <= 0) return 0;
      const now = clock();
      for (const [id, until] of unreadable) if (until <= now.getTime()) unreadable.delete(id);
      const without = { webhooks: [...perWebhook.full(), ...unreadable.keys()], tenants: perTenant.full() };
      const webhooks = new Map<string, Webhook | undefined>();
      let begun = 0;
      for (const delivery of await store.webhooks.listDue(now, without, room)) {
        const { tenantId, webhookId } = delivery;
        if (!webhooks.has(webhookId)) webhooks.set(webhookId, await read(delivery));
        const webhook = webhooks.get(webhookId);
        if (webhook === undefined || perWebhook.isFull(webhookId) || perTenant.isFull(tenantId)) continue;
        begin(webhook, delivery, stop);
        begun += 1;
      }
      return begun;
    },

    /** Resolves once no attempt runs any more. */
    idle: async () => void (await Promise.all(attempting)),
  };
}

async function send(
  { outgoingFetch, sign, clock }: DeliverDeps,
  webhook: Webhook,
  event: LoggedEvent,
  stop: AbortSignal,
): Promise<Attempted> {
  const at = clock();
  const body = bodyOf(event);
  const { id } = event;
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Manam-Webhooks/1',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': sign(webhook, { id, at, body }),
  };
  try {
    const limits = { maxBytes: maxResponseBytes, timeoutMs: attemptMs };
    const response = await outgoingFetch(webhook.url, {
      method: 'POST',
      headers,
      body,
      signal: stop,
      ...limits,
    });
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), at);
    return {
      statusCode: response.status,
      error: '',
      response: excerptOf(await response.text()),
      retryAfterMs,
    };
  } catch (error) {
    if (!(error instanceof OutgoingError)) throw error;
    return { statusCode: 0, error: error.fault, response: '', retryAfterMs: 0 };
  }
}

/** The beginning of a response, without characters that a terminal or a page would act on. */
function excerptOf(text: string): string {
  return text
    .slice(0, keptResponse)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]/gu, ' ')
    .trim();
}

/** `Retry-After` in milliseconds (RFC 9110, section 10.2.3): seconds, or a date. */
function parseRetryAfter(value: string | null, now: Date): number {
  if (value === null) return 0;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now.getTime();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), maxRetryAfterMs) : 0;
}

/** Places that are taken and left, by name, up to a limit that the last one to enter knows. */
function createPlaces() {
  const taken = new Map<string, { count: number; limit: number }>();
  const isFull = (name: string) => {
    const place = taken.get(name);
    return place !== undefined && place.count >= place.limit;
  };
  return {
    isFull,
    full: () => [...taken.keys()].filter(isFull),
    enter(name: string, limit: number): () => void {
      taken.set(name, { count: (taken.get(name)?.count ?? 0) + 1, limit });
      return () => {
        const place = taken.get(name);
        if (place === undefined || place.count <= 1) taken.delete(name);
        else taken.set(name, { ...place, count: place.count - 1 });
      };
    },
  };
}
