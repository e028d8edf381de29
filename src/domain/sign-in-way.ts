/** The ways to sign in that the hosted page offers. */
export const signInWays = ['passkey', 'code', 'password'] as const;

export type SignInWay = (typeof signInWays)[number];

/** Whether a tenant's users may, should or must have passkeys. */
export const passkeyModes = ['off', 'allowed', 'preferred', 'required'] as const;

export type PasskeyMode = (typeof passkeyModes)[number];

/** Scope in which passwords may be switched off. */
export const passwordlessModes = ['never', 'user', 'tenant'] as const;

export type PasswordlessMode = (typeof passwordlessModes)[number];
