import type { TenantPolicy } from '../domain/policy.ts';
import {
  type PasskeyMode,
  type PasswordlessMode,
  type SignInWay,
  signInWaysOf,
} from '../domain/sign-in-way.ts';
import type { Terms } from '../domain/terms.ts';
import { type Theme, themeOf } from '../domain/theme.ts';

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
  /** Whether the tenant takes mobile numbers of any country. */
  readonly takesMobiles: boolean;
  /** The ways to sign in that the tenant has, in its order. */
  readonly signInWays: readonly SignInWay[];
};

type PageTenant = { readonly name: string; readonly slug: string; readonly policy: TenantPolicy };

/** The settings of a tenant's pages, which call with that publishable key. */
export function pageSettingsOf({ name, slug, policy }: PageTenant, key: string): PageSettings {
  const { branding, password, terms, rememberDeviceDays, passkeys, factorResetHours } = policy;
  return {
    key,
    slug,
    name,
    theme: themeOf(branding),
    minPasswordLength: password.minLength,
    terms,
    rememberDeviceDays,
    passkeys: { mode: passkeys.mode, passwordless: passkeys.passwordless },
    factorResetHours,
    takesMobiles: policy.countries.length > 0,
    signInWays: signInWaysOf(policy),
  };
}
