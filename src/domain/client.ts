import type { Application, ApplicationSecret } from './application.ts';
import type { Tenant } from './tenant.ts';

/** An application with what it authenticates by. */
export type Client = Application & { readonly secrets: readonly ApplicationSecret[] };

/** Finds an application that is switched on, by its id or by the address of its metadata; `address`: who asks. */
export type FindClient = (
  tenant: Tenant,
  clientId: string,
  address: string,
  /** `afresh`: as it is now, and not as this instance has read it seconds ago. */
  options?: { readonly afresh: boolean },
) => Promise<Client | undefined>;

/** Verifies an assertion of `private_key_jwt` (RFC 7523, section 3); undefined: it is none of this client for this issuer. */
export type VerifyAssertion = (
  client: Application,
  assertion: string,
  issuer: string,
) => Promise<{ readonly id: string; readonly expiresAt: Date } | undefined>;
