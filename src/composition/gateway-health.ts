import type { Logger } from 'pino';
import { DeliveryError, type Transport } from '../domain/delivery.ts';
import type { Message } from '../domain/message.ts';

type Channel = Message['channel'];

export type GatewayHealth = {
  /** The same transport, whose attempts are watched. */
  watch(channel: Channel, transport: Transport): Transport;
  /** The channels whose gateway failed at the last attempt. */
  failing(): readonly Channel[];
};

/** Watches the gateways: one warning for each when it begins to fail, and one when it is back. */
export function createGatewayHealth(log: Logger): GatewayHealth {
  const failing = new Map<Channel, string>();

  function fail(channel: Channel, code: string): void {
    if (!failing.has(channel))
      log.warn({ channel, code }, `the gateway for ${channel} fails; messages wait and are tried again`);
    failing.set(channel, code);
  }

  function succeed(channel: Channel): void {
    if (failing.delete(channel)) log.warn({ channel }, `the gateway for ${channel} is back`);
  }

  return {
    watch: (channel, transport) => ({
      ...transport,
      async send(outgoing, signal) {
        try {
          await transport.send(outgoing, signal);
          succeed(channel);
        } catch (error) {
          // A message that is refused for good says that the gateway works.
          if (error instanceof DeliveryError && error.fault === 'permanent') succeed(channel);
          else if (!signal.aborted || !(error instanceof DeliveryError))
            fail(channel, error instanceof DeliveryError ? error.code : 'UNKNOWN');
          throw error;
        }
      },
    }),
    failing: () => [...failing.keys()],
  };
}
