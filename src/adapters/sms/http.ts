import { DeliveryError } from '../../domain/delivery.ts';

/** Deadline of a request to a gateway. */
const timeoutMs = 10_000;
const maxAnswerBytes = 64 * 1024;

export type GatewayAnswer = { readonly status: number; readonly json: unknown };

/**
 * Calls a gateway. What does not answer in time, or not in JSON where that is needed,
 * may still have sent the message; the caller has to check before a retry.
 */
export async function callGateway(
  url: string,
  init: { readonly method: 'GET' | 'POST'; readonly headers: Record<string, string>; readonly body?: string },
  signal?: AbortSignal,
): Promise<GatewayAnswer> {
  const signals = [AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])];
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.any(signals) });
    text = await readBounded(response);
  } catch (error) {
    const isTimeout = error instanceof Error && error.name === 'TimeoutError';
    throw new DeliveryError('temporary', isTimeout ? 'SMS_TIMEOUT' : 'SMS_UNREACHABLE', { cause: error });
  }
  return { status: response.status, json: parse(text) };
}

/** The beginning of an answer; a gateway that never ends one costs no memory. */
async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxAnswerBytes) break;
  }
  return Buffer.concat(chunks).toString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A gateway in trouble answers with a page; its status says enough.
    return undefined;
  }
}

/** The failure of an answer by its status (RFC 9110): too many and the server's own pass, the rest do not. */
export function failureOf({ status }: GatewayAnswer): DeliveryError {
  const passes = status >= 500 || status === 429 || status === 408 || status === 401 || status === 403;
  return new DeliveryError(passes ? 'temporary' : 'permanent', `SMS_HTTP_${status}`);
}
