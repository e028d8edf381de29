import ipaddr from 'ipaddr.js';

/** The network that limits count by: an IPv4 address, an IPv6 /64 (R9). Unknown addresses share one. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown';
  const parsed = ipaddr.process(address);
  return parsed.kind() === 'ipv4'
    ? parsed.toString()
    : `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/64`).toString()}/64`;
}

/** Where a call came from, as far as it can be known. */
export type Client = {
  /** The network address; proxies count only where they are configured. */
  readonly address: string;
  readonly userAgent: string;
};

/** An address range in CIDR notation, parsed. */
export type Network = ReturnType<typeof ipaddr.parseCIDR>;

/** Parses networks such as `10.0.0.0/8`; a bare address is a network of one. Throws where a text is neither. */
export function parseNetworks(texts: readonly string[]): Network[] {
  return texts.map((text) => {
    if (text.includes('/')) return ipaddr.parseCIDR(text);
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  });
}

/** Four numbers, or groups of IPv6: the library also parses `999` and `192.0.2` as addresses, like `inet_aton`. */
const written = /^(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f:]*:[0-9a-f:]*)(?:\/\d{1,3})?$/i;

/**
 * Whether a text is an address or a CIDR block. IPv4-mapped IPv6 (`::ffff:192.0.2.1`) is rejected: addresses of callers
 * are normalized to IPv4, so it would never match.
 */
export function isNetwork(text: string): boolean {
  try {
    return written.test(text) && parseNetworks([text]).length > 0;
  } catch {
    return false;
  }
}

/** The host of a URL: a name, or an address without the brackets of IPv6. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Whether a text is an address, and no name. */
export function isAddress(text: string): boolean {
  return ipaddr.isValid(text);
}

/** The only part of IPv6 that is handed out for the internet (RFC 4291, section 2.4; IANA's registry of its address space). */
const globalUnicast = ipaddr.parseCIDR('2000::/3');
/** Public by its number, and inside of every virtual machine of one cloud its platform's own service. */
const platformService = '168.63.129.16';

/** Whether an address is one of the public internet (RFC 6890). */
export function isPublic(address: string): boolean {
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed.kind() === 'ipv4' ? parsed.toString() !== platformService : parsed.match(globalUnicast);
}

/** Whether an address lies in one of the networks; false for text that is no address. */
export function isIn(address: string, networks: readonly Network[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return networks.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits));
}

/**
 * Whether the scheme of a URL may be called: https, and http where the operator allows networks, whose addresses a name has
 * to stand for.
 */
export function mayCall(url: URL, allowed: readonly Network[]): boolean {
  if (url.protocol !== 'http:') return url.protocol === 'https:';
  const host = hostOf(url);
  return isAddress(host) ? isIn(host, allowed) : allowed.length > 0;
}
