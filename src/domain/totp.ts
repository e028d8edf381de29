import { generateURI, verifySync } from 'otplib';
import type { Random } from './ports.ts';

/** 160 bits (RFC 4226, section 4, requirement R6). */
const seedBytes = 20;
const periodS = 30;
/** RFC 4648, section 6. */
const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A new seed in Base32. */
export function makeTotpSeed(random: Random): string {
  const bits = [...random.bytes(seedBytes)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? []).map((five) => base32[Number.parseInt(five, 2)]).join('');
}

/** The seed as authenticator apps read it; label and issuer are percent-encoded. */
export function totpUri(seed: string, issuer: string, label: string): string {
  return generateURI({ secret: seed, issuer, label });
}

/**
 * The time step that a code belongs to: now, or one before or after (RFC 6238, section
 * 5.2); undefined where it belongs to none of them. That a step is used once only, the
 * caller has to see to.
 */
export function matchTotp(seed: string, code: string, now: Date): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const epoch = Math.floor(now.getTime() / 1000);
  const result = verifySync({ secret: seed, token: code, epoch, epochTolerance: periodS, strategy: 'totp' });
  return result.valid && 'timeStep' in result ? result.timeStep : undefined;
}
