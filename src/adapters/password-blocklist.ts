import { dictionary } from '@zxcvbn-ts/language-common';

/** Shorter ones are refused for their length by every tenant. */
const leastLength = 8;

/** Passwords that are known from breaches, in lower case: those of @zxcvbn-ts that are long enough to be tried, some 18,000 (R4). */
export function loadPasswordBlocklist(): ReadonlySet<string> {
  const known = dictionary['passwords-common'] as readonly string[];
  return new Set(
    known.filter((password) => password.length >= leastLength).map((password) => password.toLowerCase()),
  );
}
