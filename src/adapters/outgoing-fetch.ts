import { type LookupAddress, lookup as lookupDns } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Agent } from 'undici';
import { hostOf, isAddress, isIn, isPublic, mayCall, type Network } from '../domain/network.ts';
import { OutgoingError, type OutgoingFetch } from '../domain/outgoing.ts';

export type OutgoingFetchOptions = {
  /** Networks that are reached although they are not public, and over http as well. Default: none. */
  readonly allowed?: readonly Network[];
  /** Resolves names. Default: the system's resolver. */
  readonly lookup?: typeof lookupDns;
};

/** The largest response, and the longest time from the request to the end of the response. */
const defaultMaxBytes = 256 * 1024;
const defaultTimeoutMs = 10_000;

/**
 * Whether an address is one of the public internet (RFC 6890), or of a network that the operator allows. Without encryption
 * it has to be one of those.
 */
function isReachable(address: string, protocol: string, allowed: readonly Network[]): boolean {
  const isOpen = protocol === 'https:' && isAddress(address) && isPublic(address);
  return isOpen || isIn(address, allowed);
}

/**
 * A lookup that fails where any address of a name is denied: a name that has a public and a private
 * address is an attack. The socket connects to what was checked here, so that a second answer
 * of the name's DNS changes nothing (DNS rebinding).
 */
function createLookup(
  protocol: string,
  allowed: readonly Network[],
  lookup: typeof lookupDns,
): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return callback(error, []);
      if (
        addresses.length === 0 ||
        !addresses.every(({ address }) => isReachable(address, protocol, allowed))
      )
        return callback(new OutgoingError('ADDRESS_DENIED'), []);
      const [first] = addresses;
      if (options.all === true || first === undefined) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

/** Rejects a URL before anything is resolved: its scheme, its credentials, an address instead of a name. */
function assertUrl(url: URL, allowed: readonly Network[]): void {
  const host = hostOf(url);
  if (isAddress(host) && !isPublic(host) && !isIn(host, allowed)) throw new OutgoingError('ADDRESS_DENIED');
  if (!mayCall(url, allowed) || url.username !== '' || url.password !== '')
    throw new OutgoingError('URL_DENIED');
}

/** The error of a request in our words; undici wraps what the lookup and the socket threw. */
function toFault(error: unknown): OutgoingError {
  for (let cause = error; cause instanceof Error; cause = cause.cause as unknown) {
    if (cause instanceof OutgoingError) return cause;
    if (cause.name === 'TimeoutError' || cause.name === 'AbortError')
      return new OutgoingError('TIMED_OUT', { cause: error });
  }
  return new OutgoingError('UNREACHABLE', { cause: error });
}

/** Reads a body up to a limit. */
async function readBody(body: AsyncIterable<Uint8Array> | null, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw new OutgoingError('TOO_LARGE');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Creates the fetch of R78: https, no redirect, bounded in size and time, public addresses only. */
export function createOutgoingFetch({
  allowed = [],
  lookup = lookupDns,
}: OutgoingFetchOptions = {}): OutgoingFetch {
  const dispatchers = new Map<string, Agent>();
  /** Loaded for the first request: a server that sends none does without a megabyte of modules. */
  async function connect(protocol: string) {
    const { Agent, fetch } = await import('undici');
    const make = () =>
      new Agent({
        connect: { lookup: createLookup(protocol, allowed, lookup) },
        pipelining: 1,
        connections: 10,
      });
    const dispatcher = dispatchers.get(protocol) ?? make();
    dispatchers.set(protocol, dispatcher);
    return { dispatcher, fetch };
  }

  return async (input, { maxBytes = defaultMaxBytes, timeoutMs = defaultTimeoutMs, ...init } = {}) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    assertUrl(url, allowed);
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
    try {
      const { dispatcher, fetch } = await connect(url.protocol);
      const response = await fetch(request.url, {
        method: request.method,
        headers: [...request.headers],
        ...(request.body === null ? {} : { body: Buffer.from(await request.arrayBuffer()) }),
        redirect: 'manual',
        dispatcher,
        signal,
      });
      if (response.status >= 300 && response.status < 400) {
        await response.body?.cancel();
        throw new OutgoingError('REDIRECTED');
      }
      const body = await readBody(response.body, maxBytes);
      const { status, statusText } = response;
      // A response without a body, by its status, must not get one.
      const content = [204, 205].includes(status) || body.length === 0 ? null : body;
      return new Response(content, { status, statusText, headers: [...response.headers] });
    } catch (error) {
      throw toFault(error);
    }
  };
}
