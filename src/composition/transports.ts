import { withBreaker } from '../adapters/sms/breaker.ts';
import { createKavenegarGateway } from '../adapters/sms/kavenegar.ts';
import { createTwilioGateway } from '../adapters/sms/twilio.ts';
import { createWebhookGateway } from '../adapters/sms/webhook.ts';
import { createSmtpTransport } from '../adapters/smtp.ts';
import type { Config } from '../config/config.ts';
import type { SmsConfig } from '../config/delivery.ts';
import type { Transport, Transports } from '../domain/delivery.ts';
import type { Message } from '../domain/message.ts';
import type { GatewayHealth } from './gateway-health.ts';

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
