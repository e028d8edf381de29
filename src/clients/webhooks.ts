import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import type { DetailsOf, EventType } from '../domain/events.ts';

export type { EventType } from '../domain/events.ts';

type EventOf<T extends EventType> = {
  readonly type: T;
  /** The id of the event, the same in every delivery of it: ignore one that you have handled before. */
  readonly eventId: string;
  readonly createdAt: Date;
  readonly outcome: 'success' | 'failure';
  /** The reason of a failure; empty for a success. */
  readonly reason: string;
  /** Empty where there is none, or after the user was erased. */
  readonly userId: string;
  readonly sessionId: string;
  readonly keyId: string;
  readonly requestId: string;
  /** The place in the log of the tenant. Webhooks come in no order: the higher one is the later one. */
  readonly position: number;
  readonly details: DetailsOf<T> extends undefined ? Readonly<Record<string, never>> : DetailsOf<T>;
};

/** An event, by its type. A newer service may send types that this version does not know. */
export type WebhookEvent = { readonly [T in EventType]: EventOf<T> }[EventType];

type HeaderMap = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * A request in the form of any framework: `Request` (Hono's `c.req.raw`, a route handler of Next, Deno, Bun), or that of
 * Node, Express and Fastify with its body as bytes or text, or not read yet.
 */
export type WebhookRequest =
  | Pick<Request, 'headers' | 'text'>
  | {
      readonly headers: HeaderMap;
      readonly body?: unknown;
      /** The body as it came, where a framework keeps it beside the parsed one. */
      readonly rawBody?: unknown;
    };

/** The request is not a webhook of this tenant, or came too late: answer with 400. */
export class WebhookError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WebhookError';
  }
}

const maxBytes = 1024 * 1024;

/**
 * Verifies a webhook and returns its event. `secret` is that of the webhook, or several while one is rotated. Throws
 * WebhookError where the signature is not by any of them, or its time is more than five minutes off (Standard Webhooks,
 * "Verifying signatures"); a delivery that was sent again has a new time. Throws TypeError where a secret is none.
 */
export async function readWebhook(
  request: WebhookRequest,
  secret: string | readonly string[],
): Promise<WebhookEvent> {
  const body = await bodyOf(request);
  const headers = headersOf(request);
  const webhooks = webhooksOf(Array.isArray(secret) ? secret : [secret]);
  let refusal: unknown;
  for (const webhook of webhooks) {
    try {
      return toEvent(webhook.verify(body, headers));
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      refusal = error;
    }
  }
  throw new WebhookError((refusal as Error).message, { cause: refusal });
}

/** One verifier per secret; white space around a secret, such as the newline of a file, is ignored. */
function webhooksOf(secrets: readonly string[]): Webhook[] {
  if (secrets.length === 0) throw new WebhookError('there is no secret to verify with');
  return secrets.map((secret) => {
    try {
      return new Webhook(secret.trim());
    } catch (cause) {
      throw new TypeError('a secret is none of a webhook, such as whsec_…', { cause });
    }
  });
}

function headersOf({ headers }: WebhookRequest): Record<string, string> {
  const read = (name: string) => {
    if (typeof headers.get === 'function') return (headers as Headers).get(name) ?? '';
    const value = (headers as HeaderMap)[name];
    return typeof value === 'string' ? value : (value?.[0] ?? '');
  };
  const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

async function bodyOf(request: WebhookRequest): Promise<string> {
  if ('text' in request && typeof request.text === 'function') return await request.text();
  const { rawBody, body } = request as { readonly rawBody?: unknown; readonly body?: unknown };
  const given = rawBody ?? body ?? (isStream(request) ? await readAll(request) : undefined);
  if (typeof given === 'string') return given;
  if (given instanceof Uint8Array) return textOf(given);
  throw new WebhookError(
    'the body was parsed before it was verified: keep it as bytes, such as with express.raw({ type: "application/json" })',
  );
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new WebhookError('the body is no text in UTF-8', { cause });
  }
}

function isStream(value: unknown): value is AsyncIterable<Uint8Array> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > maxBytes) throw new WebhookError('the body is too large');
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

type Payload = { readonly type: string; readonly timestamp: string; readonly data: Record<string, unknown> };

function toEvent(payload: unknown): WebhookEvent {
  const { type, timestamp, data } = payload as Payload;
  const text = (name: string) => String(data[name] ?? '');
  return {
    type,
    createdAt: new Date(timestamp),
    eventId: text('event_id'),
    outcome: data['outcome'],
    reason: text('reason'),
    userId: text('user_id'),
    sessionId: text('session_id'),
    keyId: text('key_id'),
    requestId: text('request_id'),
    position: Number(data['position']),
    details: data['details'],
  } as WebhookEvent;
}
