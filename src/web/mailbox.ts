import type { createMailbox } from '../pages/mailbox.ts';
import { peerAddress } from '../server/client-address.ts';
import type { Route } from '../server/handler.ts';

/** Serves the mailbox of a development server. */
export function createMailboxRoute(mailbox: ReturnType<typeof createMailbox>): Route {
  return async (request, response) => {
    const answer = await mailbox(request, peerAddress(request));
    if (answer === undefined) return 'go on';
    response.setHeader('content-security-policy', answer.policy);
    response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body);
    return 'answered';
  };
}
