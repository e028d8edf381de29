import Bowser from 'bowser';
import ipaddr from 'ipaddr.js';
import type { Locale } from './locale.ts';
import type { Client } from './network.ts';

/** A device in the terms that people recognise. */
export type Device = {
  /** The browser or the program, such as `Firefox`; empty: unknown. */
  readonly browser: string;
  /** The operating system, such as `Linux`; empty: unknown. */
  readonly system: string;
};

/** The longest name that is shown: what a caller sends is their own words. */
const maxName = 40;

const clean = (text: string | undefined) => (text ?? '').replace(/[^\p{L}\p{N} ._-]/gu, '').slice(0, maxName);

/** Reads a `user-agent`; of a program that is no browser its own name is left. */
export function parseDevice(userAgent: string): Device {
  if (userAgent === '') return { browser: '', system: '' };
  const { browser, os } = Bowser.parse(userAgent);
  const [product = ''] = userAgent.split(/[/\s(]/, 1);
  return { browser: clean(browser.name || product), system: clean(os.name) };
}

/** A device in words, such as `Firefox on Linux`; empty where nothing is known of it. */
export function describeDevice({ browser, system }: Device, locale: Locale = 'en'): string {
  if (browser === '' || system === '') return browser || system;
  return locale === 'fa' ? `${browser} در ${system}` : `${browser} on ${system}`;
}

/** The part of an address that stays the same where someone is: a /24 of IPv4, a /48 of IPv6. */
function neighbourhoodOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown';
  const parsed = ipaddr.process(address);
  return parsed.kind() === 'ipv4'
    ? ipaddr.IPv4.networkAddressFromCIDR(`${parsed}/24`).toString()
    : ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/48`).toString();
}

/**
 * The name by which a device is known again, as far as can be told without its key: the same browser on the same
 * system, from the same neighbourhood.
 */
export function deviceOf({ userAgent, address }: Client): string {
  return `${describeDevice(parseDevice(userAgent))} @ ${neighbourhoodOf(address)}`;
}

/** Where a sign-in comes from, as sessions remember it. */
export type SignInOrigin = {
  /** The network address; empty: unknown. */
  readonly address: string;
  readonly device: string;
  /** The thumbprint of the key that was proved, in Base64url; empty: none. */
  readonly jkt: string;
};

/**
 * The latest sessions of an account that are looked at where no open one is from the origin of a sign-in: of those that no
 * one has ended, the ones that are kept longest, which are more than may be live, and the latest that were ended.
 */
export const latestSessions = { open: 70, ended: 30 };

/** Whether earlier sessions of an account came from the device or the address of a sign-in. */
export type OriginHistory = {
  /** Whether there are any. */
  readonly hasSessions: boolean;
  /** Whether the device of any of them is known. */
  readonly hasDevices: boolean;
  /** Whether any of them was on the device of this sign-in. */
  readonly isKnownDevice: boolean;
  /** Whether any of them was begun from the address of this sign-in. */
  readonly isKnownAddress: boolean;
};
