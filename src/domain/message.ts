import type { Audience } from './audience.ts';
import type { Locale } from './locale.ts';
import type { SigningAlgorithm } from './signing-algorithm.ts';

/** A message as it goes out. */
export type Message = {
  readonly channel: 'email' | 'sms';
  /** The stored address or number of the recipient. */
  readonly to: string;
  /** The sender of an e-mail; empty for an SMS. */
  readonly from: string;
  readonly locale: Locale;
  readonly subject: string;
  readonly text: string;
  /** Empty for an SMS. */
  readonly html: string;
  /** The audience of the code in an SMS; rows of older versions lack it. */
  readonly audience?: Audience;
  /** The one-time code or token in it; empty where there is none. */
  readonly code: string;
  /** The full link in it; empty where there is none. */
  readonly link: string;
};

/** A request to an address that a tenant named, such as a webhook or a logout token. */
export type Callout = {
  readonly channel: 'http';
  /** The URL. */
  readonly to: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The logout token that is made for each attempt and sent as the body; absent: the body is what it is. */
  readonly logout?: LogoutNotice;
};

/** The end of a session, for an application that had tokens in it. */
export type LogoutNotice = {
  readonly clientId: string;
  readonly subject: string;
  readonly sessionId: string;
  /** The sector of the application's subjects; absent, empty: they are the ids of users. */
  readonly sector?: string;
  readonly algorithm: SigningAlgorithm;
};

/** Whatever the outbox delivers. */
export type Payload = Message | Callout;

export type Channel = Payload['channel'];

export type OutboxEntry<P extends Payload = Message> = {
  readonly id: string;
  readonly tenantId: string;
  readonly message: P;
  readonly createdAt: Date;
  /** Expiry of the message, such as that of its code. */
  readonly expiresAt: Date;
};

/** A message that an instance has claimed to send. */
export type ClaimedMessage<P extends Payload = Payload> = OutboxEntry<P> & {
  /** Which claim on it this is; a later one takes it away. */
  readonly claims: number;
  /** End of the lease. */
  readonly leaseUntil: Date;
  /** Number of attempts. */
  readonly attempts: number;
  /** Whether an SMS of this service was counted against its tenant's budgets. */
  readonly charged: boolean;
};

/** How an attempt ended: `at` is when the next one is due, or when the message ended. */
export type DeliveryOutcome = Pick<ClaimedMessage, 'attempts' | 'charged'> & {
  readonly status: DeliveryStatus;
  readonly error: string;
  readonly at: Date;
};

/** A message as operators see it: nothing of what it says and no one it goes to. */
export type OutboxRow = {
  readonly id: string;
  readonly tenantId: string;
  readonly channel: Channel;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  /** Why the last attempt failed, or why it was dropped; empty where neither. */
  readonly error: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly nextAttemptAt: Date;
  readonly endedAt: Date | undefined;
};

/** Number of queued or dead messages of a tenant and channel. */
export type WaitingMessages = Pick<OutboxRow, 'tenantId' | 'channel'> & {
  readonly status: 'queued' | 'dead';
  readonly messages: number;
};

export type OutboxRepository = {
  add(entry: OutboxEntry<Payload>): Promise<void>;
  /** Deletes messages to an address or number, sent or not; returns their number. */
  deleteTo(tenantId: string, recipient: string): Promise<number>;
  /** Costs what `add` costs and sends nothing, so that time does not disclose whether there is a recipient. */
  addDecoy(entry: Omit<OutboxEntry, 'message'>): Promise<void>;
  /** The newest e-mails and SMS that are not sent yet, newest first. */
  listPending(limit: number): Promise<OutboxEntry[]>;
  /**
   * Claims messages of a channel that are due, the one that waits longest first; no one else
   * gets them before the lease ends. In a transaction, which others do not wait for.
   */
  claim(channel: Channel, limit: number, now: Date, leaseUntil: Date): Promise<ClaimedMessage[]>;
  /**
   * Notes how an attempt ended. False where the claim has been lost meanwhile, to another
   * instance or to an operator. What is sent or dropped is wiped.
   */
  recordOutcome(
    claimed: Pick<ClaimedMessage, 'id' | 'claims' | 'leaseUntil'>,
    outcome: DeliveryOutcome,
  ): Promise<boolean>;
  /** Wipes dead messages that have expired, at most `limit`; returns their number. */
  wipeExpired(now: Date, limit: number): Promise<number>;
  /** Messages as operators see them, oldest first, after the one with `afterId`. */
  list(
    filter: {
      readonly tenantId: string | undefined;
      readonly status: DeliveryStatus | undefined;
      readonly afterId: string | undefined;
    },
    limit: number,
  ): Promise<OutboxRow[]>;
  find(id: string): Promise<OutboxRow | undefined>;
  /** Makes a waiting or given-up message due at once; false where it is neither, or has expired. */
  requeue(id: string, now: Date): Promise<boolean>;
  /** Gives a message up and wipes it; false where it has ended already. */
  drop(id: string, now: Date): Promise<boolean>;
  countWaiting(): Promise<WaitingMessages[]>;
};

/** How a message to be sent stands, and how it can end. */
export type DeliveryStatus = 'queued' | 'sent' | 'dead' | 'dropped';
