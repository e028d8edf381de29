import type { ServerResponse } from 'node:http';
import { Code, ConnectError } from '@connectrpc/connect';

/** Aborts where the caller goes away before the answer. */
export function closeSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableEnded) controller.abort(new ConnectError('the caller went away', Code.Canceled));
  });
  return controller.signal;
}
