import { LRUCache } from 'lru-cache';
import type { ConnectionKind } from '../../domain/connection.ts';
import { OutgoingError, type OutgoingFetch } from '../../domain/outgoing.ts';
import { isObject } from '../../domain/settings.ts';
import type { Claims } from './preset.ts';
import { presets } from './presets.ts';

/** The address of what stands in for a provider on a developer's machine; undefined: the provider itself. */
export type Emulated = (kind: ConnectionKind) => string | undefined;

export type Fetch = (url: string, init?: object) => Promise<Response>;

export type Transport = {
  /** The fetch of a kind: bounded, to public addresses alone, and to the emulator where there is one. */
  fetchOf(kind: ConnectionKind, deadline?: AbortSignal): Fetch;
  /** The address that a browser is sent to. */
  addressOf(kind: ConnectionKind, url: URL): string;
};

/** Deadline of a request to a provider. */
const timeoutMs = 4000;
const maxBytes = 128 * 1024;
/** Metadata are asked for again after that long, and kept of so many issuers. */
const metadataLifetimeMs = 600_000;
const maxIssuers = 1000;
/** An issuer without metadata is not asked again for that long. */
const failureLifetimeMs = 5000;

const isMetadata = (url: string) => url.endsWith('/.well-known/openid-configuration');

/** Requests to providers. The metadata of an issuer are asked for once in ten minutes; where it does not answer then, the last ones serve. */
export function createTransport(outgoingFetch: OutgoingFetch, emulated: Emulated): Transport {
  const kept = new LRUCache<string, { readonly body: string; readonly until: number }>({ max: maxIssuers });
  const failed = new LRUCache<string, true>({ max: maxIssuers, ttl: failureLifetimeMs });

  function addressOf(kind: ConnectionKind, url: URL): string {
    const base = emulated(kind)?.replace(/\/$/, '');
    if (base === undefined || !presets[kind].hosts.includes(url.hostname)) return url.href;
    return `${base}${url.pathname}${url.search}`;
  }

  async function fetchMetadata(url: string, init: RequestInit): Promise<Response> {
    const known = kept.get(url);
    if (known !== undefined && known.until > Date.now()) return jsonOf(known.body);
    if (known === undefined && failed.has(url)) throw new OutgoingError('UNREACHABLE');
    try {
      const response = await outgoingFetch(url, { ...init, timeoutMs, maxBytes });
      const body = await response.text();
      if (response.status !== 200 || !isIssuerMetadata(body)) throw new OutgoingError('UNREACHABLE');
      kept.set(url, { body, until: Date.now() + metadataLifetimeMs });
      return jsonOf(body);
    } catch (error) {
      failed.set(url, true);
      if (known === undefined) throw error;
      kept.set(url, { ...known, until: Date.now() + failureLifetimeMs });
      return jsonOf(known.body);
    }
  }

  return {
    addressOf,
    fetchOf:
      (kind, deadline) =>
      async (text, given: RequestInit = {}) => {
        const url = addressOf(kind, new URL(text));
        const signals = [given.signal, deadline].filter((signal) => signal !== undefined && signal !== null);
        const init = { ...given, signal: AbortSignal.any(signals) };
        if (isMetadata(url)) return await fetchMetadata(url, init);
        const response = await outgoingFetch(url, { ...init, timeoutMs, maxBytes });
        const { errorOf } = presets[kind];
        return errorOf === undefined || given.method !== 'POST'
          ? response
          : await asOAuthError(response, errorOf);
      },
  };
}

function jsonOf(body: string, status = 200): Response {
  return new Response(body, { status, headers: { 'content-type': 'application/json' } });
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isIssuerMetadata(body: string): boolean {
  const parsed = parse(body);
  return isObject(parsed) && typeof parsed['issuer'] === 'string';
}

/** An error in the form that the library reads (RFC 6749, section 5.2). */
async function asOAuthError(response: Response, errorOf: (body: Claims) => string): Promise<Response> {
  const body = await response.text();
  const parsed = parse(body);
  const error = isObject(parsed) ? errorOf(parsed) : '';
  if (error === '') return new Response(body, response);
  return jsonOf(JSON.stringify({ error }), 400);
}
