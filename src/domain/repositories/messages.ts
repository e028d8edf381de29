import type { Audience } from '../caller.ts';
import type { DeliveryStatus } from '../delivery.ts';
import type {
  ClaimedMessage,
  DeliveryOutcome,
  Message,
  OutboxEntry,
  OutboxRow,
  WaitingMessages,
} from '../model.ts';

export type OutboxRepository = {
  add(entry: OutboxEntry): Promise<void>;
  /** Deletes messages to an address or number, sent or not; answers how many. */
  deleteTo(tenantId: string, recipient: string): Promise<number>;
  /** Costs what `add` costs and sends nothing: where the cost would tell that there is nobody to write to. */
  addDecoy(entry: Omit<OutboxEntry, 'message'>): Promise<void>;
  /** The newest messages that are not sent yet, newest first. */
  listPending(limit: number): Promise<OutboxEntry[]>;
  /**
   * Claims messages of a channel that are due, the one that waits longest first; nobody else
   * gets them before the lease ends. In a transaction, which others do not wait for.
   */
  claim(channel: Message['channel'], limit: number, now: Date, leaseUntil: Date): Promise<ClaimedMessage[]>;
  /**
   * Notes how an attempt ended. False where the claim has been lost meanwhile, to another
   * instance or to an operator. What is sent or dropped is wiped.
   */
  settle(
    claimed: Pick<ClaimedMessage, 'id' | 'claims' | 'leaseUntil'>,
    outcome: DeliveryOutcome,
  ): Promise<boolean>;
  /** Wipes given-up messages that have expired, at most that many; answers how many it was. */
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

/** The key that sent and confirmed codes are counted under. */
export type SmsPeriod = { readonly country: string; readonly hour: Date; readonly audience: Audience };

export type SmsUsageRepository = {
  /**
   * Counts an SMS to a number and makes the next one wait, each time twice as long;
   * answers undefined, or where this one may not be sent yet until when it has to wait.
   */
  backOff(
    tenantId: string,
    number: Buffer,
    delay: { readonly firstDelayS: number; readonly maxDelayS: number; readonly forgetAfterS: number },
    now: Date,
  ): Promise<Date | undefined>;
  /** Forgets how many SMS a number has had: the next one does not wait. */
  forgetBackOff(tenantId: string, number: Buffer): Promise<void>;
  /** Counts a code that is sent to a country in an hour, or with -1 takes it back. */
  countSent(tenantId: string, period: SmsPeriod, by: 1 | -1): Promise<void>;
  /** Counts a code that somebody typed rightly. */
  countConfirmed(tenantId: string, period: SmsPeriod): Promise<void>;
  totals(
    tenantId: string,
    country: string,
    audience: Audience,
    since: Date,
  ): Promise<{ sent: number; confirmed: number }>;
};
