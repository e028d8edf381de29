import { type KeyObject, sign } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** Questions to the thread, and its answers. */
export type RsaQuestion = { readonly id: number; readonly key: KeyObject; readonly text: string };
export type RsaAnswer = { readonly id: number; readonly signature: string };

// Signs beside the event loop: an RSA signature takes a millisecond.
parentPort?.on('message', ({ id, key, text }: RsaQuestion) => {
  const signature = sign('sha256', Buffer.from(text), key).toString('base64url');
  parentPort?.postMessage({ id, signature } satisfies RsaAnswer);
});
