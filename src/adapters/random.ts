import { randomBytes, randomFillSync, randomInt } from 'node:crypto';
import { v7 } from 'uuid';
import type { Random } from '../domain/random.ts';

/** Random bytes of ids, drawn from the system for many at a time: a call to it takes longer than all else of an id. */
const drawn = Buffer.alloc(4096);
const idLength = 16;
let at = drawn.length;

function bytesOfId(): Buffer {
  if (at === drawn.length) {
    randomFillSync(drawn);
    at = 0;
  }
  at += idLength;
  return drawn.subarray(at - idLength, at);
}

let msecs = 0;
let seq = 0;

/** An id of version 7 that is greater than all before it, also within a millisecond (RFC 9562, section 6.2, method 1). */
function nextId(): string {
  const random = bytesOfId();
  const now = Date.now();
  if (now > msecs) {
    msecs = now;
    // The highest bit stays free, so that there is room to count.
    seq = random.readUInt32BE(6) & 0x7fffffff;
  } else {
    seq = (seq + 1) | 0;
    if (seq === 0) msecs += 1;
  }
  return v7({ random, msecs, seq });
}

/** The system's generator. */
export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  uuid: nextId,
  int: (limit) => randomInt(limit),
};
