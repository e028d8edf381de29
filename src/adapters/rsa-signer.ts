import type { KeyObject } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { DomainError } from '../domain/errors.ts';
import { isSource, root } from '../root.ts';
import type { RsaAnswer, RsaQuestion } from './rsa-worker.ts';

type Waiting = { resolve(signature: string): void; reject(error: unknown): void };

/** Signatures that wait at most; one that could not keep up refuses, as every queue of this service does. */
const maxWaiting = 2000;

/** Waiting signatures from which on no call is admitted: those that are admitted find a place, whatever they do before. */
const busyAt = maxWaiting / 2;

export type RsaSigner = {
  /** Signs with RS256 (RFC 7518, section 3.3). Throws UNAVAILABLE where too many wait. */
  sign(key: KeyObject, text: string): Promise<string>;
  /** Throws UNAVAILABLE where a signature might find no place: for what cannot be taken back before it is signed. */
  admit(): void;
};

/**
 * RSA on a thread of its own, which is started with the first signature: on the event loop it would hold up everything,
 * and on libuv's threads it would wait behind the password hashes.
 */
export function createRsaSigner(): RsaSigner {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  /** The numbers of the keys that the thread has. Copying a key with every text would cost as much as copying the text. */
  let keyIds = new Map<KeyObject, number>();
  let last = 0;

  function fail(error: unknown): void {
    worker = undefined;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  function start(): Worker {
    const started = new Worker(new URL(`src/adapters/rsa-worker.${isSource ? 'ts' : 'js'}`, root));
    keyIds = new Map();
    // An idle thread keeps no process alive.
    started.unref();
    started.on('message', ({ id, signature }: RsaAnswer) => {
      waiting.get(id)?.resolve(signature);
      waiting.delete(id);
    });
    started.on('error', fail);
    started.on('exit', () => {
      if (worker === started) fail(new Error('the signing thread ended'));
    });
    return started;
  }

  function keyIdOf(key: KeyObject, at: Worker): number {
    const known = keyIds.get(key);
    if (known !== undefined) return known;
    const keyId = keyIds.size;
    keyIds.set(key, keyId);
    at.postMessage({ keyId, key } satisfies RsaQuestion);
    return keyId;
  }

  const refusal = () => new DomainError('UNAVAILABLE', { retryAfterMs: 1000 });
  return {
    sign: (key, text) =>
      new Promise((resolve, reject) => {
        if (waiting.size >= maxWaiting) return reject(refusal());
        worker ??= start();
        last += 1;
        waiting.set(last, { resolve, reject });
        const keyId = keyIdOf(key, worker);
        worker.postMessage({ keyId, id: last, text } satisfies RsaQuestion);
      }),
    admit() {
      if (waiting.size >= busyAt) throw refusal();
    },
  };
}
