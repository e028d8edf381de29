import { createGuardrails, generateURI, verifySync } from 'otplib';
import type { Random } from './random.ts';

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

/**
 * Seeds of other systems are as short as 80 bits, which was the size of Google Authenticator's.
 * RFC 4226 asks for 128; a shorter one is still worth more than none.
 */
const guardrails = createGuardrails({ MIN_SECRET_BYTES: 10 });

/**
 * The seed as authenticator apps read it; label and issuer are percent-encoded. Neither may
 * hold a colon, which parts them (Key URI Format, "Label").
 */
export function totpUri(seed: string, issuer: string, label: string): string {
  const plain = (text: string) => text.replaceAll(':', ' ').replaceAll(/\s+/g, ' ').trim();
  return generateURI({ secret: seed, issuer: plain(issuer), label: plain(label) });
}

/** Whether a seed is one that codes can be verified with: tried with the code that will do so. */
export function isUsableSeed(seed: string): boolean {
  try {
    matchTotp(seed, '000000', new Date(0));
    return true;
  } catch {
    return false;
  }
}

/**
 * The time step that a code belongs to: now, or one before or after (RFC 6238, section
 * 5.2); undefined where it belongs to none of them. That a step is used once only, the
 * caller has to see to.
 */
export function matchTotp(seed: string, code: string, now: Date): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const epoch = Math.floor(now.getTime() / 1000);
  const options = { epoch, epochTolerance: periodS, strategy: 'totp', guardrails } as const;
  const result = verifySync({ secret: seed, token: code, ...options });
  return result.valid && 'timeStep' in result ? result.timeStep : undefined;
}

/** Draws a text as a QR code in a PNG image. */
export type QrRenderer = (text: string) => Promise<Buffer>;
