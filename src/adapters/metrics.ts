import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { WaitingMessages } from '../domain/model.ts';
import type { DeliveryObserver } from '../domain/ports.ts';

export type MetricsDeps = {
  /** The messages that wait or were given up, with the slug of their tenant; asked at every scrape. */
  readonly waiting: () => Promise<(WaitingMessages & { readonly tenant: string })[]>;
};

export type Metrics = {
  readonly observeDelivery: DeliveryObserver;
  /** The figures in Prometheus' text format, with its content type. */
  render(): Promise<{ readonly type: string; readonly body: string }>;
};

/** What Prometheus reads: messages by channel and tenant, and the process itself. */
export function createMetrics({ waiting }: MetricsDeps): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const attempts = new Counter({
    name: 'manam_messages_total',
    help: 'Attempts to send a message, by how they ended: sent, failed (tried again), dead or dropped.',
    labelNames: ['channel', 'tenant', 'outcome'],
    registers: [registry],
  });
  new Gauge({
    name: 'manam_messages_waiting',
    help: 'Messages in the database that are queued, or dead and kept for the operator.',
    labelNames: ['channel', 'tenant', 'status'],
    registers: [registry],
    async collect() {
      this.reset();
      // Without the database the other figures are all the more wanted.
      const found = await waiting().catch(() => []);
      for (const { channel, tenant, status, messages } of found)
        this.set({ channel, tenant, status }, messages);
    },
  });
  return {
    observeDelivery: (channel, tenant, outcome) => attempts.inc({ channel, tenant, outcome }),
    render: async () => ({ type: registry.contentType, body: await registry.metrics() }),
  };
}
