import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';

const zxcvbn = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
/** What is longer takes long to look at, and is good enough. */
const maxLength = 64;

/** How hard a password is to guess, from 0 to 4. The service decides by itself what it takes. */
export function estimateStrength(password: string): number {
  return zxcvbn.check(password.slice(0, maxLength)).score;
}
