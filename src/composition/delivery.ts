import type { Logger } from 'pino';
import { createMetrics, type Metrics } from '../adapters/metrics.ts';
import { withBreaker } from '../adapters/sms/breaker.ts';
import { createKavenegarGateway } from '../adapters/sms/kavenegar.ts';
import { createTwilioGateway } from '../adapters/sms/twilio.ts';
import { createWebhookGateway } from '../adapters/sms/webhook.ts';
import { createSmtpTransport } from '../adapters/smtp.ts';
import type { Config } from '../config.ts';
import type { SmsConfig } from '../config-delivery.ts';
import type { Clock, Transport, Transports } from '../domain/ports.ts';
import type { Store } from '../domain/repositories.ts';
import { createDispatcher, type Dispatcher } from '../flows/delivery/dispatch.ts';

/** How long the dispatcher rests when nothing is due. */
const restMs = 500;
/** How long it rests after a failure of ours, such as a database that is away. */
const troubleMs = 5000;

function createGateway({ provider, url, account, secret, from }: SmsConfig): Transport {
  switch (provider) {
    case 'webhook':
      return createWebhookGateway({ url, secret, from });
    case 'twilio':
      return createTwilioGateway({ url, accountSid: account, authToken: secret, from });
    case 'kavenegar':
      return createKavenegarGateway({ url, apiKey: secret, from });
  }
}

/** The transports that are configured; messages of other channels are captured. */
export function createTransports({ smtp, sms }: Pick<Config, 'smtp' | 'sms'>): Transports {
  return {
    ...(smtp && { email: createSmtpTransport(smtp) }),
    ...(sms && { sms: withBreaker(createGateway(sms)) }),
  };
}

export type Delivery = {
  readonly metrics: Metrics;
  /** Begins to send what is due, over and over. */
  start(): void;
  /** Ends after what is in hand. */
  stop(): Promise<void>;
};

/** The dispatcher of this instance, with its figures. */
export function createDelivery(
  config: Pick<Config, 'smtp' | 'sms'>,
  store: Store,
  clock: Clock,
  log: Logger,
): Delivery {
  const transports = createTransports(config);
  const metrics = createMetrics({
    waiting: async () => {
      const slugs = new Map<string, string>();
      const waiting = await store.outbox.countWaiting();
      for (const { tenantId } of waiting) {
        if (!slugs.has(tenantId)) slugs.set(tenantId, (await store.tenants.findById(tenantId))?.slug ?? '');
      }
      return waiting.map((each) => ({ ...each, tenant: slugs.get(each.tenantId) ?? '' }));
    },
  });
  const dispatcher = createDispatcher({
    store,
    transports,
    clock,
    observe: metrics.observeDelivery,
    onError: (error) => log.error({ err: error }, 'a message could not be handled'),
  });
  const loop = createLoop(dispatcher, (error) => log.warn({ err: error }, 'the outbox could not be read'));
  return {
    metrics,
    start: () => {
      if (Object.keys(transports).length > 0) loop.start();
    },
    stop: async () => {
      await loop.stop();
      for (const transport of Object.values(transports)) transport.close();
    },
  };
}

/** Runs the dispatcher until it is stopped; at once again as long as there is something to do. */
function createLoop(dispatcher: Dispatcher, onError: (error: unknown) => void) {
  let stopped = false;
  let wake = () => {};
  let running = Promise.resolve();
  const rest = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  async function run(): Promise<void> {
    while (!stopped) {
      try {
        if ((await dispatcher.runOnce()) === 0) await rest(restMs);
      } catch (error) {
        onError(error);
        if (!stopped) await rest(troubleMs);
      }
    }
  }
  return {
    start: () => {
      running = run();
    },
    stop: async () => {
      stopped = true;
      wake();
      await running;
    },
  };
}
