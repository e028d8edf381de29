import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import { isIn, type Network } from '../domain/network.ts';

/**
 * The address at the other end of the connection. In cleartext HTTP/2 the listener
 * hands Node a socket that it wraps, and the wrapper alone knows the one beneath.
 */
export function peerAddress({ socket }: IncomingMessage): string | undefined {
  const { remoteAddress, stream } = socket as Socket & { readonly stream?: Socket };
  return remoteAddress ?? stream?.remoteAddress;
}

/**
 * The address in one hop of `X-Forwarded-For`, in every spelling that proxies use: with a
 * port, IPv6 in brackets or with a zone (RFC 4007, section 11), and as a `for` parameter of
 * `Forwarded` (RFC 7239, section 6). Undefined: there is no address in it.
 */
function readHop(text: string): string | undefined {
  const named = /(?:^|;)\s*for=([^;]*)/i.exec(text)?.[1];
  const value = (named ?? text)
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .trim();
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(value)?.[1];
  const withPort = /^([\d.]+):\d{1,5}$/.exec(value)?.[1];
  const address = (bracketed ?? withPort ?? value).replace(/%[^%]*$/, '');
  // The library also reads numbers such as 1 and 0x7f as addresses.
  const isWritten = address.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(address);
  return isWritten && ipaddr.isValid(address) ? ipaddr.process(address).toString() : undefined;
}

/**
 * The address that a call came from. `X-Forwarded-For` counts only as far as
 * configured proxies wrote it: read from the right, the first address that is not a
 * proxy of this service (R9). Empty: unknown.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  proxies: readonly Network[],
): string {
  let address = readHop(peer ?? '') ?? '';
  if (forwardedFor === undefined) return address;
  for (const hop of forwardedFor.split(',').reverse()) {
    if (!isIn(address, proxies)) break;
    const claimed = readHop(hop);
    if (claimed === undefined) break;
    address = claimed;
  }
  return address;
}
