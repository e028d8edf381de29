import type { PasskeyState } from './passkey.ts';

/** Expected values of a ceremony (WebAuthn Level 3, sections 7.1 and 7.2). */
export type ExpectedCeremony = {
  readonly challenge: string;
  readonly origins: readonly string[];
  readonly rpId: string;
  readonly requireUserVerification: boolean;
};

/** Parsed, unverified parts of a response. */
export type ClaimedCredential = {
  /** In Base64url. */
  readonly credentialId: string;
  readonly challenge: string;
  /** In Base64url; undefined: none came. */
  readonly userHandle: string | undefined;
};

export type RegisteredCredential = PasskeyState & {
  readonly credentialId: string;
  readonly publicKey: string;
  readonly aaguid: string;
  readonly transports: readonly string[];
  readonly counter: number;
};

export type ProvedCredential = PasskeyState & { readonly counter: number };

/** Verifies what browsers return from `navigator.credentials`, in its JSON form (section 5.1). */
export type WebAuthn = {
  /** Loads what verifies, beside the calls: it takes a while. */
  prepare(): void;
  read(credential: unknown): ClaimedCredential | undefined;
  /** Undefined where anything is not as it should be. */
  verifyRegistration(
    credential: unknown,
    expected: ExpectedCeremony,
  ): Promise<RegisteredCredential | undefined>;
  verifyAssertion(
    credential: unknown,
    expected: ExpectedCeremony,
    key: { readonly credentialId: string; readonly publicKey: string },
  ): Promise<ProvedCredential | undefined>;
};
