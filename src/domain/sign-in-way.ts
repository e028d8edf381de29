/** The ways to sign in that the hosted page offers. */
export const signInWays = ['passkey', 'code', 'password'] as const;

export type SignInWay = (typeof signInWays)[number];

/** Whether a tenant's users may, should or must have passkeys. */
export const passkeyModes = ['off', 'allowed', 'preferred', 'required'] as const;

export type PasskeyMode = (typeof passkeyModes)[number];

/** Scope in which passwords may be switched off. */
export const passwordlessModes = ['never', 'user', 'tenant'] as const;

export type PasswordlessMode = (typeof passwordlessModes)[number];

/** The fields of a policy that decide the ways. */
type WayPolicy = {
  readonly codeSignIn: { readonly enabled: boolean };
  readonly passkeys: { readonly mode: PasskeyMode; readonly passwordless: PasswordlessMode };
  readonly signInOrder: readonly SignInWay[];
};

/** The ways to sign in that a tenant has, in its order; the password where none is left. */
export function signInWaysOf({ codeSignIn, passkeys, signInOrder }: WayPolicy): SignInWay[] {
  const has = {
    passkey: passkeys.mode !== 'off',
    code: codeSignIn.enabled,
    password: passkeys.mode === 'off' || passkeys.passwordless !== 'tenant',
  } as const satisfies Record<SignInWay, boolean>;
  const ways = signInOrder.filter((way) => has[way]);
  return ways.length > 0 ? ways : ['password'];
}
