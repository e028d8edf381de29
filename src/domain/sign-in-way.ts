/** The ways to sign in that the hosted page offers. */
export const signInWays = ['passkey', 'code', 'password'] as const;

export type SignInWay = (typeof signInWays)[number];
