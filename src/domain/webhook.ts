import { dayMs, hourMs, minuteMs } from './duration.ts';

/** Why a webhook gets nothing: a person switched it off, it answered 410, or it failed for days. */
export type DisabledReason = 'MANUAL' | 'GONE' | 'FAILING';

/** A secret that signs; while one is rotated the old one signs as well, until its end. */
export type WebhookSecret = {
  /** `whsec_` and Base64 (Standard Webhooks, "Signature scheme"). */
  readonly text: string;
  /** Undefined: it is the newest one. */
  readonly until: Date | undefined;
};

/** An address of a tenant that gets its events. */
export type Webhook = {
  readonly tenantId: string;
  readonly id: string;
  readonly url: string;
  readonly description: string;
  /** Types, or beginnings of types that end with a dot; none: all. */
  readonly types: readonly string[];
  /** The newest first. */
  readonly secrets: readonly WebhookSecret[];
  readonly disabledReason: DisabledReason | undefined;
  /** The position in the log up to which its deliveries are made. */
  readonly position: number;
  /** Time of the first failure since the last success; undefined: the last attempt succeeded. */
  readonly failingSince: Date | undefined;
  readonly createdAt: Date;
};

/** A webhook without its secrets. */
export type WebhookPlace = Omit<Webhook, 'secrets'>;

/** Signs a body as Standard Webhooks has it, with every secret that signs at that time. */
export type SignWebhook = (
  webhook: Pick<Webhook, 'secrets'>,
  message: { readonly id: string; readonly at: Date; readonly body: string },
) => string;

/** `pending`: it is to be sent, or sent again; `delivered`; `failed`: it was given up and can be sent again. */
export type DeliveryStatus = 'pending' | 'delivered' | 'failed';

/** An event on its way to a webhook. */
export type WebhookDelivery = {
  readonly tenantId: string;
  readonly id: string;
  readonly webhookId: string;
  readonly eventId: string;
  readonly type: string;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  /** Which claim on it this is; a later one takes it away. */
  readonly claims: number;
  readonly nextAttemptAt: Date;
  readonly createdAt: Date;
  /** The time from which it is given up after three days: of its creation, or of the last retry by hand. */
  readonly since: Date;
  readonly endedAt: Date | undefined;
};

/** One attempt to deliver. */
export type WebhookAttempt = {
  readonly tenantId: string;
  readonly id: string;
  readonly deliveryId: string;
  /** The status of the response; 0: there was none. */
  readonly statusCode: number;
  /** Why there was none; empty where there was. */
  readonly error: string;
  /** The beginning of the response's body. */
  readonly response: string;
  readonly durationMs: number;
  readonly createdAt: Date;
};

/** Further events of a webhook with so many pending deliveries wait in the log. */
export const maxPending = 5000;
/** The time at which deliveries of a webhook that is off are due. */
export const never = new Date('9999-12-31T00:00:00.000Z');
/** The most webhooks of a tenant. */
export const maxWebhooks = 20;
/** Deadline of an attempt (Standard Webhooks recommends 15 to 30 seconds). */
export const attemptMs = 15_000;
/** The lease of an attempt: an instance that is frozen longer loses it to another one. */
export const claimMs = 60_000;
/** The age at which a delivery is given up, and the time of failures alone after which a webhook is switched off. */
export const giveUpMs = 3 * dayMs;
/** How long the old secret signs beside a new one, unless another time is asked for. */
export const secretOverlapMs = dayMs;
/** Characters of a response that are kept. */
export const keptResponse = 1000;

/** The pauses between attempts (Standard Webhooks, "Retry schedule"). */
const retryMs = [
  5000,
  5 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  5 * hourMs,
  10 * hourMs,
  14 * hourMs,
  20 * hourMs,
];

/** The pause after that many attempts, up to a tenth longer or shorter; `spread` is from 0 to 1. */
export function pauseAfter(attempts: number, spread: number): number {
  const pause = retryMs[Math.min(attempts, retryMs.length) - 1] ?? 0;
  return Math.round(pause * (0.9 + 0.2 * spread));
}

export type DeliveryQuery = {
  readonly tenantId: string;
  readonly webhookId: string;
  readonly status: DeliveryStatus | undefined;
  /** Only those before the one with this id. */
  readonly beforeId: string | undefined;
};

/** How an attempt ended. */
export type DeliveryEnd = Pick<WebhookDelivery, 'status' | 'attempts' | 'nextAttemptAt' | 'endedAt'>;

export type WebhookRepository = {
  insert(webhook: Webhook): Promise<void>;
  list(tenantId: string): Promise<WebhookPlace[]>;
  find(tenantId: string, id: string): Promise<Webhook | undefined>;
  update(
    tenantId: string,
    id: string,
    changes: Partial<Pick<Webhook, 'url' | 'description' | 'types' | 'secrets' | 'position'>> & {
      readonly disabledReason?: DisabledReason | undefined;
      readonly failingSince?: Date | undefined;
    },
  ): Promise<boolean>;
  /** Removes a webhook; retention removes what was sent to it. */
  delete(tenantId: string, id: string): Promise<boolean>;
  /**
   * Webhooks that are on and have not got all of their log, with the end of the log, by tenant and id: at most that many
   * after a place, or from the first on.
   */
  listBehind(
    after: Pick<Webhook, 'tenantId' | 'id'> | undefined,
    limit: number,
  ): Promise<{ readonly webhook: WebhookPlace; readonly size: number }[]>;
  /** Moves the position of a webhook; false where it was elsewhere by then. */
  advance(webhook: WebhookPlace, position: number): Promise<boolean>;
  /** Moves webhooks that are ahead of a log back to its end. */
  rewind(tenantId: string, size: number): Promise<void>;
  /** Notes a failure where none was noted since the last success. */
  noteFailure(tenantId: string, id: string, now: Date): Promise<void>;
  /** Webhooks that were switched off by failures, or fail since before a time. */
  listFailing(since: Date): Promise<WebhookPlace[]>;

  addDeliveries(deliveries: readonly WebhookDelivery[]): Promise<void>;
  /** Deliveries of active tenants' webhooks that are on, due by now, without some webhooks and tenants; the longest due first. */
  listDue(
    now: Date,
    without: { readonly webhooks: readonly string[]; readonly tenants: readonly string[] },
    limit: number,
  ): Promise<WebhookDelivery[]>;
  /** Takes a delivery for an attempt; false where another instance has it. */
  claim(delivery: WebhookDelivery, until: Date): Promise<boolean>;
  /** Records how an attempt ended; false where the claim was lost. */
  end(delivery: WebhookDelivery, end: DeliveryEnd): Promise<boolean>;
  addAttempt(attempt: WebhookAttempt): Promise<void>;
  listDeliveries(query: DeliveryQuery, limit: number): Promise<WebhookDelivery[]>;
  findDelivery(tenantId: string, id: string): Promise<WebhookDelivery | undefined>;
  /** The attempts of a delivery, the oldest first. */
  listAttempts(tenantId: string, deliveryId: string): Promise<WebhookAttempt[]>;
  /** Makes a delivery due now; false where there is none. */
  retry(tenantId: string, id: string, now: Date): Promise<boolean>;
  /** Sets when the pending deliveries of a webhook are due. */
  postpone(tenantId: string, webhookId: string, until: Date): Promise<void>;
  /** Number of pending deliveries, of one webhook or of all. */
  countPending(webhook?: Pick<Webhook, 'tenantId' | 'id'>): Promise<number>;
};
