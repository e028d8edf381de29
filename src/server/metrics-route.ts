import { pathOf, type Route } from './handler.ts';

/** Serves /metrics on a separate address: the metrics name tenants. */
export function createMetricsRoute(
  render: () => Promise<{ readonly type: string; readonly body: string }>,
): Route {
  return async (request, response) => {
    if (pathOf(request) !== '/metrics') return 'go on';
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return 'answered';
    }
    const { type, body } = await render();
    response.writeHead(200, { 'content-type': type }).end(request.method === 'HEAD' ? undefined : body);
    return 'answered';
  };
}
