import { Webhook } from 'standardwebhooks';
import type { Webhook as Endpoint } from '../domain/webhook.ts';

/**
 * Signs a message with every secret that signs at its time, the newest first (Standard Webhooks, "Signature scheme"):
 * while a secret is rotated there are two signatures, with a space between them.
 */
export function signWebhook(
  { secrets }: Pick<Endpoint, 'secrets'>,
  { id, at, body }: { readonly id: string; readonly at: Date; readonly body: string },
): string {
  return secrets
    .filter(({ until }) => until === undefined || until > at)
    .map(({ text }) => new Webhook(text).sign(id, at, body))
    .join(' ');
}
