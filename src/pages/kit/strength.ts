import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';

const zxcvbn = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
/** Longer passwords are strong enough, and slow to score. */
const maxLength = 64;

/** The strength of a password, from 0 to 4. The service makes the decision. */
export function estimateStrength(password: string): number {
  return zxcvbn.check(password.slice(0, maxLength)).score;
}
