import { type KeyObject, sign } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** A message to the thread: a key and its number, or a text to sign with the key of a number. */
export type RsaQuestion =
  | { readonly keyId: number; readonly key: KeyObject }
  | { readonly keyId: number; readonly id: number; readonly text: string };
export type RsaAnswer = { readonly id: number; readonly signature: string };

const keys = new Map<number, KeyObject>();

// Signs beside the event loop: an RSA signature takes a millisecond.
parentPort?.on('message', (question: RsaQuestion) => {
  if ('key' in question) {
    keys.set(question.keyId, question.key);
    return;
  }
  const { keyId, id, text } = question;
  const signature = sign('sha256', Buffer.from(text), keys.get(keyId) as KeyObject).toString('base64url');
  parentPort?.postMessage({ id, signature } satisfies RsaAnswer);
});
