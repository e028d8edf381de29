import type { Random } from './random.ts';

/** A device without a browser that waits for its user (RFC 8628). */
export type DeviceAuthorization = {
  readonly tenantId: string;
  readonly id: string;
  readonly digest: Buffer;
  readonly userCode: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  /** The network address of the device. */
  readonly address: string;
  readonly status: 'pending' | 'approved' | 'denied' | 'used';
  /** The grant that waits for the device; empty until the user has approved. */
  readonly grantId: string | undefined;
  readonly intervalS: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
};

export type DeviceAuthorizationRepository = {
  /** Throws DuplicateError where the user code is taken. */
  insert(device: DeviceAuthorization): Promise<void>;
  findByUserCode(tenantId: string, userCode: string, now: Date): Promise<DeviceAuthorization | undefined>;
  find(tenantId: string, id: string, digest: Buffer): Promise<DeviceAuthorization | undefined>;
  /** Notes that the device asked; false where it asked within its interval, which is 5 s longer then. */
  poll(device: Pick<DeviceAuthorization, 'tenantId' | 'id' | 'intervalS'>, now: Date): Promise<boolean>;
  /** Decides a device that waits; true for exactly one caller. */
  decide(tenantId: string, id: string, grantId: string | undefined, now: Date): Promise<boolean>;
  /** Hands the grant to the device; true for exactly one caller. */
  use(tenantId: string, id: string, now: Date): Promise<boolean>;
};

/** Letters without vowels and without those that look alike, so that no code is a word: 20⁸, 34 bits (RFC 8628, section 6.1). */
const letters = 'BCDFGHJKLMNPQRSTVWXZ';
const length = 8;

export function makeUserCode(random: Random): string {
  return Array.from({ length }, () => letters[random.int(letters.length)]).join('');
}

/** A user code as it was typed, without spaces and dashes; undefined where it cannot be one. */
export function parseUserCode(typed: string): string | undefined {
  const code = typed.replaceAll(/[\s-]/g, '').toUpperCase();
  return code.length === length && [...code].every((letter) => letters.includes(letter)) ? code : undefined;
}

/** `WDJB-MJHT`, as people read it. */
export function formatUserCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}
