import type { Logger } from 'pino';
import { withBreaker } from '../adapters/sms/breaker.ts';
import { createKavenegarGateway } from '../adapters/sms/kavenegar.ts';
import { createTwilioGateway } from '../adapters/sms/twilio.ts';
import { createWebhookGateway } from '../adapters/sms/webhook.ts';
import { createSmtpTransport } from '../adapters/smtp.ts';
import type { Config } from '../config/config.ts';
import type { SmsConfig } from '../config/delivery.ts';
import type { Clock } from '../domain/clock.ts';
import type { DeliveryObserver, Transport, Transports } from '../domain/delivery.ts';
import type { Message } from '../domain/message.ts';
import type { Store } from '../domain/repositories.ts';
import { createDispatcher } from '../flows/delivery/dispatch.ts';
import type { SmsGuard } from '../flows/sms-guard.ts';
import type { GatewayHealth } from './gateway-health.ts';
import { createLoop } from './loop.ts';

/** How long the dispatcher rests when nothing is due. */
const restMs = 500;
/** How often given-up messages that have expired are wiped. */
const wipeMs = 60_000;
/** How long a shutdown waits for attempts before it cuts them off; within the drain time (R65). */
const graceMs = 15_000;

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

/** The transports that are configured; messages of other channels are captured, or dropped in production. */
export function createTransports(
  { smtp, sms }: Pick<Config, 'smtp' | 'sms'>,
  health?: GatewayHealth,
): Transports {
  const watched = (channel: Message['channel'], transport: Transport) =>
    health?.watch(channel, transport) ?? transport;
  return {
    ...(smtp && { email: watched('email', createSmtpTransport(smtp)) }),
    ...(sms && { sms: withBreaker(watched('sms', createGateway(sms))) }),
  };
}

export type Delivery = {
  /** Begins to send what is due, over and over. */
  start(): void;
  /** Claims nothing more, and ends what is in hand within the time of a shutdown. */
  stop(): Promise<void>;
};

export type DeliveryDeps = {
  readonly store: Store;
  readonly transports: Transports;
  readonly smsGuard: SmsGuard;
  readonly clock: Clock;
  readonly observe: DeliveryObserver;
  readonly log: Logger;
};

/** The dispatcher of this instance. */
export function createDelivery({ production }: Pick<Config, 'production'>, deps: DeliveryDeps): Delivery {
  const { store, transports, smsGuard, clock, observe, log } = deps;
  const dispatcher = createDispatcher({
    store,
    transports,
    smsGuard,
    clock,
    observe,
    onError: (error) => log.error({ err: error }, 'a message could not be handled'),
  });
  const stopping = new AbortController();
  const onError = (error: unknown) => log.warn({ err: error }, 'the outbox could not be read');
  // In production nothing is captured: what has no gateway expires and is dropped.
  const channels: readonly Message['channel'][] = production
    ? ['email', 'sms']
    : (Object.keys(transports) as Message['channel'][]);
  const loops = channels.map((channel) =>
    createLoop((signal) => dispatcher.runOnce(channel, signal), restMs, stopping.signal, onError),
  );
  const wiping = createLoop(() => dispatcher.wipeExpired(), wipeMs, stopping.signal, onError);
  return {
    start: () => {
      for (const loop of [...loops, wiping]) loop.start();
    },
    stop: async () => {
      const cut = setTimeout(() => stopping.abort(), graceMs);
      await Promise.all([...loops, wiping].map((loop) => loop.stop()));
      clearTimeout(cut);
      for (const transport of Object.values(transports)) transport.close();
    },
  };
}
