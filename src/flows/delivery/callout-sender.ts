import { DeliveryError } from '../../domain/delivery.ts';
import type { Callout, LogoutNotice } from '../../domain/message.ts';
import { OutgoingError, type OutgoingFetch } from '../../domain/outgoing.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Sender } from './dispatch.ts';

/** Makes a logout token. */
export type SignLogout = (tenant: Pick<Tenant, 'slug'>, notice: LogoutNotice) => Promise<string>;

/** The status of an address that wants no more requests (RFC 9110, section 15.5.11). */
const gone = 410;
/** A response is read to reuse its connection, and its content does not matter. */
const maxBytes = 64 * 1024;
const timeoutMs = 15_000;

/**
 * Delivers requests to addresses that a tenant named. Any status from 200 to 299 accepts one; 410 ends it;
 * everything else is retried.
 */
export function createCalloutSender(fetch: OutgoingFetch, signLogout: SignLogout): Sender {
  return {
    admit: async () => ({ charged: false }),

    async send({ id, message }, tenant, signal) {
      const { to, headers, logout, body: given } = message as Callout;
      const body =
        logout === undefined
          ? given
          : new URLSearchParams({ logout_token: await signLogout(tenant, logout) }).toString();
      const request = { method: 'POST', headers: { ...headers, 'webhook-id': id }, body };
      const response = await fetch(to, { ...request, signal, maxBytes, timeoutMs }).catch(
        (error: unknown) => {
          if (!(error instanceof OutgoingError)) throw error;
          throw new DeliveryError(error.fault === 'URL_DENIED' ? 'permanent' : 'temporary', error.fault, {
            cause: error,
          });
        },
      );
      if (response.ok) return;
      throw new DeliveryError(
        response.status === gone ? 'permanent' : 'temporary',
        `HTTP_${response.status}`,
      );
    },
  };
}
