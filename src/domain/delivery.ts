import { dayMs } from './duration.ts';
import type { Channel, Message } from './message.ts';

/** A message on its way out. */
export type Outgoing = {
  /** The id of its row: the same at every attempt, so that the receiver can recognise a duplicate. */
  readonly id: string;
  readonly message: Message;
  /** The tenant's name, for the sender of an e-mail. */
  readonly tenantName: string;
  /** The tenant's logo as a `data:` URL, which an e-mail takes along where it shows it; empty: none. */
  readonly logo: string;
  /** Whether an earlier attempt may have been accepted without our knowing. */
  readonly mayBeDuplicate: boolean;
  readonly createdAt: Date;
};

/**
 * The kind of a failure: `temporary`: a later attempt may succeed; `permanent`: it
 * never will; `busy`: nothing was tried, because the other side is known to be down.
 */
export type DeliveryFault = 'temporary' | 'permanent' | 'busy';

/** A message could not be sent. The code is for operators; it holds nothing of the message. */
export class DeliveryError extends Error {
  readonly fault: DeliveryFault;
  readonly code: string;

  constructor(fault: DeliveryFault, code: string, options?: ErrorOptions) {
    super(`${fault} failure: ${code}`, options);
    this.name = 'DeliveryError';
    this.fault = fault;
    this.code = code;
  }
}

/** Lease of a claim: an instance that is frozen longer loses the message to another one. */
export const leaseMs = 60_000;
/** Messages of a channel that an instance claims at a time. */
export const deliveryBatch = 5;
/** Deadline of one attempt, well within the lease. */
export const attemptDeadlineMs = 40_000;
/** Age at which a message that could not be sent becomes dead. */
export const giveUpAfterMs: Readonly<Record<Channel, number>> = {
  email: dayMs,
  sms: dayMs,
  // Webhooks (Standard Webhooks, "Retry schedule").
  http: 3 * dayMs,
};

const firstRetryMs = 10_000;
const maxRetryMs = 3_600_000;

/** Delay after that many attempts: 10 s, doubling up to an hour. */
export function retryDelayMs(attempts: number): number {
  return Math.min(maxRetryMs, firstRetryMs * 2 ** Math.max(0, attempts - 1));
}

/** A way to send messages of one channel. */
export type Transport = {
  /**
   * Sends a message once; throws DeliveryError, which says what that means for the message.
   * An abort of the signal also closes the connection.
   */
  send(outgoing: Outgoing, signal: AbortSignal): Promise<void>;
  /** Throws where the other side cannot be reached or does not know us. Sends nothing. */
  probe(): Promise<void>;
  close(): void;
};

/** The transports there are; messages of a channel without one are captured. */
export type Transports = Partial<Record<Message['channel'], Transport>>;

/** Called with how each attempt to send a message ended. */
export type DeliveryObserver = (
  channel: Channel,
  tenantSlug: string,
  outcome: 'sent' | 'failed' | 'dead' | 'dropped',
) => void;
