import ipaddr from 'ipaddr.js';

/** The network that limits count by: an IPv4 address, an IPv6 /64 (R9). Unknown addresses share one. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown';
  const parsed = ipaddr.process(address);
  return parsed.kind() === 'ipv4'
    ? parsed.toString()
    : `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/64`).toString()}/64`;
}
