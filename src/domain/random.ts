export type Random = {
  /** That many bytes from the system's generator. */
  bytes(length: number): Buffer;
  /** A new UUID of version 7 (RFC 9562). */
  uuid(): string;
  /** A whole number from 0 to below the limit, each as likely. */
  int(limit: number): number;
};
