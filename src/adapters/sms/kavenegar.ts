import { DeliveryError, type Outgoing, type Transport } from '../../domain/delivery.ts';
import { uuidToBytes } from '../../domain/token.ts';
import { callGateway, failureOf, type GatewayAnswer } from './http.ts';

export type KavenegarOptions = {
  /** Where the API is mounted, such as https://api.kavenegar.com. */
  readonly url: string;
  /** Kavenegar takes it in the path; it is never logged. */
  readonly apiKey: string;
  /** The line that SMS come from; empty: the account's default. */
  readonly from: string;
};

type Answer = {
  readonly return?: { readonly status?: number };
  readonly entries?: readonly { readonly status?: number }[];
};

/** Statuses of a call: a receptor that is none, a text that is none. */
const permanentStatuses = new Set([411, 413]);
/** Statuses of a message: not found, and those of one that never left. */
const unsent = new Set([100, 6, 11, 13, 14]);

/** The id of a message at Kavenegar, a whole number: the low 48 bits of this service, which are random. */
function localIdOf(id: string): string {
  return String(uuidToBytes(id).readUIntBE(10, 6));
}

function failure(answer: GatewayAnswer): DeliveryError {
  const status = (answer.json as Answer | undefined)?.return?.status;
  if (status === undefined) return failureOf(answer);
  return new DeliveryError(permanentStatuses.has(status) ? 'permanent' : 'temporary', `KAVENEGAR_${status}`);
}

/**
 * Sends SMS by Kavenegar's `sms/send`. Every message carries a `localid`, and before
 * every attempt that may be a second one Kavenegar is asked what became of it.
 */
export function createKavenegarGateway({ url, apiKey, from }: KavenegarOptions): Transport {
  const base = `${url.replace(/\/$/, '')}/v1/${encodeURIComponent(apiKey)}`;
  const form = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };

  async function post(
    path: string,
    values: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<GatewayAnswer> {
    const body = new URLSearchParams(values).toString();
    return await callGateway(`${base}/${path}`, { method: 'POST', headers: form, body }, signal);
  }

  async function wasSent({ id }: Outgoing, signal: AbortSignal): Promise<boolean> {
    const answer = await post('sms/statuslocalmessageid.json', { localid: localIdOf(id) }, signal);
    const { entries } = (answer.json ?? {}) as Answer;
    if (answer.status !== 200 || !Array.isArray(entries)) throw new DeliveryError('temporary', 'SMS_UNKNOWN');
    return entries.some(({ status }) => status !== undefined && !unsent.has(status));
  }

  return {
    async send(outgoing, signal) {
      if (outgoing.mayBeDuplicate && (await wasSent(outgoing, signal))) return;
      const { to, text } = outgoing.message;
      const sender = from === '' ? {} : { sender: from };
      const localid = localIdOf(outgoing.id);
      // International numbers are written with 00.
      const receptor = to.replace(/^\+/, '00');
      const answer = await post('sms/send.json', { receptor, message: text, localid, ...sender }, signal);
      const { return: result } = (answer.json ?? {}) as Answer;
      if (answer.status === 200 && result?.status === 200) return;
      // A 200 that cannot be read is no proof: the next attempt asks.
      if (answer.status === 200 && result?.status === undefined)
        throw new DeliveryError('temporary', 'SMS_UNKNOWN');
      throw failure(answer);
    },

    async probe() {
      const answer = await post('account/info.json', {});
      const { return: result } = (answer.json ?? {}) as Answer;
      if (answer.status !== 200 || result?.status !== 200) throw failure(answer);
    },

    close: () => {},
  };
}
