import type { AuthenticationMethod } from './authentication.ts';
import type { AuthenticatorKind } from './authenticator.ts';
import type { SignInMethod } from './events.ts';
import type { ProviderOrigin } from './external-identity.ts';

/** A sign-in that waits for its second factor, as its row keeps it. */
export type SignInProgress = {
  readonly method: SignInMethod;
  readonly amr: readonly AuthenticationMethod[];
  /** Whether the user asked to stay signed in. Default: no. */
  readonly remember?: boolean;
  /** The provider that the user came by; absent: they did not. */
  readonly origin?: ProviderOrigin;
  /** The thumbprint of the key that the first step proved: the second has to prove it too. */
  readonly jkt?: string | undefined;
};

export function formatProgress(progress: SignInProgress): Buffer {
  return Buffer.from(JSON.stringify(progress));
}

/** Reads a row, also one of version 0.1.0, which kept the methods alone. */
export function parseProgress(data: Buffer | undefined): SignInProgress {
  const kept = JSON.parse(data?.toString() ?? '[]') as SignInProgress | AuthenticationMethod[];
  if (!Array.isArray(kept)) return kept;
  return { method: kept.includes('pwd') ? 'password' : 'login-code', amr: kept };
}

/** Whether an authenticator can be the second factor of a sign-in: what was the first cannot be both. */
export function isSecondFactor({ amr }: Pick<SignInProgress, 'amr'>, kind: AuthenticatorKind): boolean {
  if (kind === 'passkey') return !amr.includes('hwk') && !amr.includes('swk');
  return kind !== 'sms' || !amr.includes('sms');
}
