import type { Config } from '../config/config.ts';
import type { DeliveryObserver, Transports } from '../domain/delivery.ts';
import type { Check, Finding } from '../domain/finding.ts';
import type { Channel, Message } from '../domain/message.ts';
import { createCalloutSender } from '../flows/delivery/callout-sender.ts';
import { createDispatcher } from '../flows/delivery/dispatch.ts';
import { createMessageSenders } from '../flows/delivery/message-senders.ts';
import { createLogoutSigner } from '../flows/provider/logout-token.ts';
import { createSmsGuard } from '../flows/sms-guard.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature, Job } from './feature.ts';
import { createLoop } from './loop.ts';

/** Pause of the dispatcher while no message is due. */
const restMs = 500;
/** Interval at which dead messages that have expired are wiped. */
const wipeMs = 60_000;
/** Time that a shutdown gives attempts before it aborts them, within the drain time (R65). */
const graceMs = 15_000;

/** Delivery of e-mails, SMS and callouts from the outbox. */
export function messages(deps: FeatureDeps & { readonly observeDelivery: DeliveryObserver }) {
  return {
    jobs: [createDelivery(deps)],
    retention: { outbox: deps.config.retention.messageDays, smsBackoffs: 2, smsCounters: 2 },
  } satisfies Feature;
}

/** The dispatcher of this instance. */
function createDelivery({
  adapters: { store, clock, outgoingFetch, ...adapters },
  core,
  config: { production, limits },
  limiter,
  transports,
  log,
  observeDelivery: observe,
}: FeatureDeps & { readonly observeDelivery: DeliveryObserver }): Job {
  const smsGuard = createSmsGuard({ store, limiter, limits, clock });
  const dispatcher = createDispatcher({
    store,
    senders: {
      ...createMessageSenders({ store, transports, smsGuard, clock }),
      http: createCalloutSender(outgoingFetch, createLogoutSigner({ ...adapters, clock }, core)),
    },
    clock,
    observe,
    onError: (error) => log.error({ err: error }, 'a message could not be handled'),
  });
  const stopping = new AbortController();
  const onError = (error: unknown) => log.warn({ err: error }, 'the outbox could not be read');
  // In production nothing is captured: messages of a channel without a gateway expire and are dropped.
  const channels: readonly Channel[] = production
    ? ['email', 'sms', 'http']
    : [...(Object.keys(transports) as Message['channel'][]), 'http'];
  const loops = [
    ...channels.map((channel) =>
      createLoop((signal) => dispatcher.runOnce(channel, signal), restMs, stopping.signal, onError),
    ),
    createLoop(() => dispatcher.wipeExpired(), wipeMs, stopping.signal, onError),
  ];
  return {
    start: () => {
      for (const loop of loops) loop.start();
    },
    stop: async () => {
      const cut = setTimeout(() => stopping.abort(), graceMs);
      await Promise.all(loops.map((loop) => loop.stop()));
      clearTimeout(cut);
      for (const transport of Object.values(transports)) transport.close();
    },
  };
}

const channels = {
  email: { check: 'messages.smtp', key: 'SMTP_URL' },
  sms: { check: 'messages.sms', key: 'SMS_URL' },
} as const;

/** Whether each gateway can be reached and accepts our credentials. Sends nothing. */
export function gatewayChecks(config: Config, connect: (config: Config) => Transports): Check[] {
  return (['email', 'sms'] as const).map((channel) => ({
    name: channels[channel].check,
    examine: () => examineGateway(channel, connect(config)),
  }));
}

async function examineGateway(channel: Message['channel'], transports: Transports): Promise<Finding[]> {
  const { check, key } = channels[channel];
  const transport = transports[channel];
  if (transport === undefined) {
    const detail = 'not configured: messages are captured and go nowhere';
    return [{ check, state: 'warning', detail, fix: `set ${key}` }];
  }
  try {
    await transport.probe();
    return [{ check, state: 'ok', detail: 'reached', fix: '' }];
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const detail = `cannot be used (${typeof code === 'string' ? code : 'no answer'})`;
    return [{ check, state: 'error', detail, fix: `check ${key}, its credentials, and the way there` }];
  } finally {
    for (const each of Object.values(transports)) each.close();
  }
}
