import cluster from 'node:cluster';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { DeliveryObserver } from '../domain/delivery.ts';
import type { WaitingMessages } from '../domain/message.ts';
import type { QueueLoad } from '../domain/password.ts';
import { answerFigures } from './worker-figures.ts';

/** The values that every scrape reads. */
export type MetricsDeps = {
  /** The messages that wait or were given up, with the slug of their tenant. */
  readonly waiting: () => Promise<(WaitingMessages & { readonly tenant: string })[]>;
  /** Number of deliveries to webhooks that are to be sent, or sent again. */
  readonly pendingDeliveries: () => Promise<number>;
  readonly hashQueue: () => QueueLoad;
  readonly pool: () => { readonly busy: number; readonly waiting: number };
};

/** A call that has ended. `reason` is OK, or the reason of its failure. */
export type CallRecord = {
  readonly method: string;
  readonly protocol: string;
  readonly reason: string;
  readonly durationMs: number;
};

export type Metrics = {
  readonly observeCall: (call: CallRecord) => void;
  /** Counts a refusal by the limit of that name. */
  readonly observeRefusal: (limit: string) => void;
  readonly observeDelivery: DeliveryObserver;
  /** Counts an attempt to deliver to a webhook. */
  readonly observeWebhook: (outcome: 'delivered' | 'failed' | 'given_up') => void;
  /** The figures in Prometheus' text format, with its content type. */
  render(): Promise<{ readonly type: string; readonly body: string }>;
};

const waitingMessages = 'manam_messages_waiting';
const pendingDeliveries = 'manam_webhook_deliveries_pending';
/** The figures that are the database's: every process has the same. */
export const sharedFigures = [waitingMessages, pendingDeliveries];

/** From a read of the session up to the server's deadline, in seconds. */
const durationBuckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The metrics for Prometheus: calls, limits, messages, the hash queue, the pool, and the process itself. */
export function createMetrics(deps: MetricsDeps): Metrics {
  const { waiting, hashQueue, pool } = deps;
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  if (cluster.isWorker) answerFigures(registry);

  const calls = new Counter({
    name: 'manam_calls_total',
    help: 'Calls that have ended, by method, protocol and reason: OK, that of the failure, or MALFORMED for what no flow has seen.',
    labelNames: ['method', 'protocol', 'reason'],
    registers,
  });
  const durations = new Histogram({
    name: 'manam_call_duration_seconds',
    help: 'How long calls took, by method and protocol.',
    labelNames: ['method', 'protocol'],
    buckets: durationBuckets,
    registers,
  });
  const refusals = new Counter({
    name: 'manam_limit_refusals_total',
    help: 'What a limit has refused, by the name of the limit.',
    labelNames: ['limit'],
    registers,
  });
  const webhooks = new Counter({
    name: 'manam_webhook_attempts_total',
    help: 'Attempts to deliver to webhooks, by how they ended: delivered, failed (tried again), or given_up.',
    labelNames: ['outcome'],
    registers,
  });
  const attempts = new Counter({
    name: 'manam_messages_total',
    help: 'Attempts to send a message, by how they ended: sent, failed (tried again), dead or dropped.',
    labelNames: ['channel', 'tenant', 'outcome'],
    registers,
  });
  new Gauge({
    name: waitingMessages,
    help: 'Messages in the database that are queued, or dead and kept for the operator.',
    labelNames: ['channel', 'tenant', 'status'],
    registers,
    async collect() {
      this.reset();
      // Without the database the other figures are all the more wanted.
      const found = await waiting().catch(() => []);
      for (const { channel, tenant, status, messages } of found)
        this.set({ channel, tenant, status }, messages);
    },
  });
  new Gauge({
    name: pendingDeliveries,
    help: 'Deliveries to webhooks in the database that are to be sent, or sent again.',
    registers,
    async collect() {
      const pending = await deps.pendingDeliveries().catch(() => undefined);
      if (pending === undefined) this.reset();
      else this.set(pending);
    },
  });
  new Gauge({
    name: 'manam_hash_queue',
    help: 'Password hashes that are being made, and those that wait for a core.',
    labelNames: ['state'],
    registers,
    collect() {
      const { running, waiting: queued } = hashQueue();
      this.set({ state: 'running' }, running);
      this.set({ state: 'waiting' }, queued);
    },
  });
  new Counter({
    name: 'manam_hash_refusals_total',
    help: 'Password hashes that were refused because too many waited, or for too long.',
    registers,
    collect() {
      this.reset();
      this.inc(hashQueue().refused);
    },
  });
  new Gauge({
    name: 'manam_database_connections',
    help: 'Connections to the database that are lent out, and callers that wait for one.',
    labelNames: ['state'],
    registers,
    collect() {
      const { busy, waiting: queued } = pool();
      this.set({ state: 'busy' }, busy);
      this.set({ state: 'waiting' }, queued);
    },
  });

  return {
    observeCall: ({ method, protocol, reason, durationMs }) => {
      calls.inc({ method, protocol, reason });
      durations.observe({ method, protocol }, durationMs / 1000);
    },
    observeRefusal: (limit) => refusals.inc({ limit }),
    observeWebhook: (outcome) => webhooks.inc({ outcome }),
    observeDelivery: (channel, tenant, outcome) => attempts.inc({ channel, tenant, outcome }),
    render: async () => ({ type: registry.contentType, body: await registry.metrics() }),
  };
}
