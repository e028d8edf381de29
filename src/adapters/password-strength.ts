import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';
import type { PasswordStrength } from '../domain/password.ts';

/**
 * Characters of a password that are scored, at each end: the time grows with their square. An
 * end that is hard to guess is enough.
 */
const maxLength = 20;

/** Estimates as the meter of the hosted pages does, with the account's own words among the known ones (zxcvbn). */
export function createPasswordStrength(): PasswordStrength {
  let zxcvbn: ZxcvbnFactory | undefined;
  return (password, words) => {
    // Its ranked dictionaries are made for the first password.
    zxcvbn ??= new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
    const letters = [...password];
    const ends = [letters.slice(0, maxLength), letters.slice(-maxLength)];
    const checked = letters.length > maxLength ? ends : ends.slice(0, 1);
    let best = { score: 0, weakness: undefined as string | undefined };
    for (const end of checked) {
      const { score, feedback } = zxcvbn.check(end.join(''), [...words]);
      if (score >= best.score) best = { score, weakness: feedback.warning ?? undefined };
    }
    return best;
  };
}
