/** Encryption and keyed digests for what rests in the database. */
export type Vault = {
  /** Encrypts; only `open` with the same purpose and context gives it back. */
  seal(purpose: string, context: string, plaintext: Uint8Array): Buffer;
  /** Decrypts what `seal` made; throws where anything differs. */
  open(purpose: string, context: string, sealed: Uint8Array): Buffer;
  /** HMAC-SHA-256 with a separate key for each purpose. */
  mac(purpose: string, data: Uint8Array): Buffer;
};
