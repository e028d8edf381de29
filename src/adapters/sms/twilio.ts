import { DeliveryError, type Outgoing, type Transport } from '../../domain/delivery.ts';
import { callGateway, failureOf, type GatewayAnswer } from './http.ts';

export type TwilioOptions = {
  /** Where the API is mounted, such as https://api.twilio.com. */
  readonly url: string;
  readonly accountSid: string;
  readonly authToken: string;
  /** A number, a name, or the SID of a messaging service. */
  readonly from: string;
};

type Sent = { readonly body?: string; readonly status?: string };

/** Numbers that cannot be reached, or may not be: no later attempt changes that. */
const permanentCodes = new Set([21_211, 21_214, 21_408, 21_610, 21_612, 21_614]);
/** Twilio's states of a message that was never sent. */
const unsent = new Set(['failed', 'undelivered', 'canceled']);

function failure(answer: GatewayAnswer): DeliveryError {
  const { code } = (answer.json ?? {}) as { code?: number };
  if (code !== undefined && permanentCodes.has(code)) return new DeliveryError('permanent', `TWILIO_${code}`);
  return failureOf(answer);
}

/**
 * Sends SMS by Twilio's Messages resource. It knows no idempotency key, so before every
 * attempt but the first it is asked whether the very text has gone to the number since
 * the message was made; a code is in it, so no other message reads the same.
 */
export function createTwilioGateway({ url, accountSid, authToken, from }: TwilioOptions): Transport {
  const resource = `${url.replace(/\/$/, '')}/2010-04-01/Accounts/${encodeURIComponent(accountSid)}/Messages.json`;
  const headers = {
    authorization: `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`,
    accept: 'application/json',
  };

  async function wasSent({ message, createdAt }: Outgoing, signal: AbortSignal): Promise<boolean> {
    const query = new URLSearchParams({
      To: message.to,
      'DateSent>': createdAt.toISOString().slice(0, 10),
      PageSize: '20',
    });
    const answer = await callGateway(`${resource}?${query}`, { method: 'GET', headers }, signal);
    const { messages } = (answer.json ?? {}) as { messages?: Sent[] };
    if (answer.status !== 200 || messages === undefined) throw new DeliveryError('temporary', 'SMS_UNKNOWN');
    return messages.some(({ body, status }) => body === message.text && !unsent.has(status ?? ''));
  }

  return {
    async send(outgoing, signal) {
      if (outgoing.mayBeDuplicate && (await wasSent(outgoing, signal))) return;
      const { to, text } = outgoing.message;
      const sender = from.startsWith('MG') ? { MessagingServiceSid: from } : { From: from };
      const answer = await callGateway(
        resource,
        {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({ ...sender, To: to, Body: text }).toString(),
        },
        signal,
      );
      if (answer.status < 200 || answer.status > 299) throw failure(answer);
      // An answer that cannot be read is no proof: the next attempt asks.
      if (answer.json === undefined) throw new DeliveryError('temporary', 'SMS_UNKNOWN');
    },

    async probe() {
      const answer = await callGateway(`${resource}?PageSize=1`, { method: 'GET', headers });
      if (answer.status !== 200) throw failure(answer);
    },

    close: () => {},
  };
}
