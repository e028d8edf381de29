import { type Guard, GuardError } from './guard.ts';

// Adapters by the shapes of frameworks, whose packages are needed by no one else.

type NodeHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

type NodeRequest = {
  readonly headers: NodeHeaders;
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** The URL as the client sent it, where a router has cut its own part off. */
  readonly originalUrl?: string | undefined;
};

type NodeResponse = {
  writeHead(status: number, headers: Record<string, string>): { end(body: string): unknown };
};

const json = { 'content-type': 'application/json' };

function ofNode({ headers, method = 'GET', url = '/', originalUrl = url }: NodeRequest) {
  return { headers, method, url: originalUrl };
}

/** Returns the refusal of a request, and throws any other error again. */
function toRefusal(error: unknown): GuardError {
  if (error instanceof GuardError) return error;
  throw error;
}

/** Middleware of Express and of whatever has its shape: `app.use('/api', expressGuard(guard))`. */
export function expressGuard<Claims>(guard: Guard<Claims>) {
  return (request: NodeRequest, response: NodeResponse, next: (error?: unknown) => void): void => {
    guard.check(ofNode(request)).then(
      (claims) => {
        guard.note(request, claims);
        next();
      },
      (error: unknown) => {
        if (!(error instanceof GuardError)) return next(error);
        response.writeHead(error.status, { ...json, ...error.headers }).end(error.body);
      },
    );
  };
}

type FastifyReply = {
  code(status: number): FastifyReply;
  headers(values: Record<string, string>): FastifyReply;
  send(body: string): FastifyReply;
};

/** A hook of Fastify: `app.addHook('onRequest', fastifyGuard(guard))`. */
export function fastifyGuard<Claims>(guard: Guard<Claims>) {
  return async (request: NodeRequest, reply: FastifyReply): Promise<unknown> => {
    try {
      guard.note(request, await guard.check(ofNode(request)));
      return undefined;
    } catch (error) {
      const { status, headers, body } = toRefusal(error);
      return reply
        .code(status)
        .headers({ ...json, ...headers })
        .send(body);
    }
  };
}

/** Middleware of Hono: `app.use('/api/*', honoGuard(guard))`; handlers read `guard.claimsOf(c.req.raw)`. */
export function honoGuard<Claims>(guard: Guard<Claims>) {
  return async (
    { req }: { readonly req: { readonly raw: Request } },
    next: () => Promise<void>,
  ): Promise<Response | undefined> => {
    const refusal = await pass(guard, req.raw);
    if (refusal !== undefined) return refusal;
    await next();
    return undefined;
  };
}

/**
 * Wraps a handler of a Request, as route handlers of Next.js and the servers of Bun and Deno are:
 * `export const GET = withGuard(guard, async (request) => …)`.
 */
export function withGuard<Claims, R extends Request, Rest extends unknown[]>(
  guard: Guard<Claims>,
  handler: (request: R, ...rest: Rest) => Response | Promise<Response>,
): (request: R, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => (await pass(guard, request)) ?? (await handler(request, ...rest));
}

/** Notes who sends a request; returns the answer to one that does not pass. */
async function pass<Claims>(guard: Guard<Claims>, request: Request): Promise<Response | undefined> {
  try {
    guard.note(request, await guard.check(request));
    return undefined;
  } catch (error) {
    const { status, headers, body } = toRefusal(error);
    return new Response(body, { status, headers: { ...json, ...headers } });
  }
}
