import type { PasskeyMode, PasswordlessMode, SignInWay } from '../domain/sign-in-way.ts';
import type { Terms } from '../domain/terms.ts';
import type { Theme } from '../domain/theme.ts';

/** The tenant's settings in the head of its pages. */
export type PageSettings = {
  readonly key: string;
  readonly slug: string;
  readonly name: string;
  readonly theme: Theme;
  readonly minPasswordLength: number;
  /** The tenant's terms; both empty: none. */
  readonly terms: Terms;
  /** Days for which a device may be spared the second factor; 0: never. */
  readonly rememberDeviceDays: number;
  /** Whether the tenant's users may, should or must have passkeys, and who may do without a password. */
  readonly passkeys: { readonly mode: PasskeyMode; readonly passwordless: PasswordlessMode };
  /** Hours that a reset of lost second factors waits; 0: there is none. */
  readonly factorResetHours: number;
  /** The ways to sign in that the tenant has, in its order. */
  readonly signInWays: readonly SignInWay[];
};
