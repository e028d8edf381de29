import { Webhook } from 'standardwebhooks';
import type { Transport } from '../../domain/delivery.ts';
import { callGateway, failureOf } from './http.ts';

export type WebhookOptions = {
  readonly url: string;
  /** `whsec_…`, which signs every call. */
  readonly secret: string;
  /** The sender; empty: the gateway chooses. */
  readonly from: string;
};

/**
 * Hands SMS to a webhook of the operator's: a POST of
 * `{"id","to","from","text","locale","created_at"}`, signed as Standard Webhooks describes
 * (`webhook-id`, `webhook-timestamp`, `webhook-signature`). The id is the same at every
 * attempt; the receiver must take one id once, and answer 2xx for what it has taken.
 */
export function createWebhookGateway({ url, secret, from }: WebhookOptions): Transport {
  const signer = new Webhook(secret);
  return {
    async send({ id, message, createdAt }, signal) {
      const { to, text, locale } = message;
      const body = JSON.stringify({ id, to, from, text, locale, created_at: createdAt.toISOString() });
      const at = new Date();
      const answer = await callGateway(
        url,
        {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'webhook-id': id,
            'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
            'webhook-signature': signer.sign(id, at, body),
          },
          body,
        },
        signal,
      );
      if (answer.status < 200 || answer.status > 299) throw failureOf(answer);
    },

    async probe() {
      await callGateway(url, { method: 'GET', headers: {} });
    },

    close: () => {},
  };
}
