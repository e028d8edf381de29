import { Webhook } from 'standardwebhooks';
import type { SignWebhook } from '../domain/webhook.ts';

/**
 * Signs a message with every secret that signs at its time, the newest first (Standard Webhooks, "Signature scheme"):
 * while a secret is rotated there are two signatures, with a space between them.
 */
export const signWebhook: SignWebhook = ({ secrets }, { id, at, body }) =>
  secrets
    .filter(({ until }) => until === undefined || until > at)
    .map(({ text }) => new Webhook(text).sign(id, at, body))
    .join(' ');
