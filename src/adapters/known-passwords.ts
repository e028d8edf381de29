import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';
import type { KnownPasswords, PasswordStrength } from '../domain/password.ts';

/** Shorter ones are refused for their length by every tenant. */
const leastLength = 8;
/**
 * Characters of a password that are scored, at each end: the time grows with their square. An
 * end that is hard to guess is enough.
 */
const maxScored = 20;

/** Passwords that are known from breaches, in lower case: those of @zxcvbn-ts that are long enough to be tried, some 18,000 (R4). */
function blocklistOf(): ReadonlySet<string> {
  const known = dictionary['passwords-common'] as readonly string[];
  return new Set(
    known.filter((password) => password.length >= leastLength).map((password) => password.toLowerCase()),
  );
}

/** Estimates as the meter of the hosted pages does, with the account's own words among the known ones (zxcvbn). */
function createStrength(): PasswordStrength {
  let zxcvbn: ZxcvbnFactory | undefined;
  return (password, words) => {
    // Its ranked dictionaries are made for the first password of a tenant that asks for strength.
    zxcvbn ??= new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
    const letters = [...password];
    const ends = [letters.slice(0, maxScored), letters.slice(-maxScored)];
    const checked = letters.length > maxScored ? ends : ends.slice(0, 1);
    let best = { score: 0, weakness: undefined as string | undefined };
    for (const end of checked) {
      const { score, feedback } = zxcvbn.check(end.join(''), [...words]);
      if (score >= best.score) best = { score, weakness: feedback.warning ?? undefined };
    }
    return best;
  };
}

/** Loading this module reads the dictionaries, some 15 MB: it is imported when the first password is chosen. */
export const knownPasswords: KnownPasswords = { blocklist: blocklistOf(), strengthOf: createStrength() };
