import { type CountryCode, type PhoneNumber, parsePhoneNumberFromString } from 'libphonenumber-js/mobile';
import { invalid, type Reason } from './errors.ts';

export type MobileNumber = {
  /** E.164: what messages go to, and the form that all spellings share. */
  readonly address: string;
  readonly canonical: string;
};

export type NumberingPolicy = { readonly defaultCountry: string; readonly countries: readonly string[] };

/** Digits of Persian and Arabic keyboards as Latin ones. */
export function foldDigits(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\u06f0-\u06f9\u0660-\u0669]/g, (digit) => String(digit.charCodeAt(0) & 15));
}

/**
 * Reads a mobile number (R40) in national form, with the calling code in `seed` or the
 * tenant's default country, or in international form with `+` or `00`. Only numbers
 * that a mobile telephone of a country which the tenant serves can have pass.
 */
export function parseMobile(
  text: string,
  seed: string,
  policy: NumberingPolicy,
  field = 'mobile',
): MobileNumber {
  const refuse = (reason: Reason) => invalid({ field, reason });
  const number = foldDigits(text).trim();
  if (number === '') throw refuse('FIELD_REQUIRED');
  if (!/^\+?[\d\s().-]{4,30}$/.test(number)) throw refuse('MOBILE_INVALID');
  const callingCode = foldDigits(seed)
    .trim()
    .replace(/^(?:\+|00)/, '');
  if (!/^\d{0,4}$/.test(callingCode)) throw invalid({ field: 'mobile_seed', reason: 'MOBILE_INVALID' });

  const international = number.replace(/^00/, '+');
  const parsed = international.startsWith('+')
    ? parsePhoneNumberFromString(international)
    : parseNational(number, callingCode, policy.defaultCountry);
  if (!parsed?.isValid()) throw refuse('MOBILE_INVALID');
  if (callingCode !== '' && parsed.countryCallingCode !== callingCode) throw refuse('MOBILE_INVALID');
  if (parsed.country === undefined || !policy.countries.includes(parsed.country))
    throw refuse('COUNTRY_DENIED');
  return { address: parsed.number, canonical: parsed.number };
}

function parseNational(number: string, callingCode: string, country: string): PhoneNumber | undefined {
  return callingCode === ''
    ? parsePhoneNumberFromString(number, country as CountryCode)
    : parsePhoneNumberFromString(number, { defaultCallingCode: callingCode });
}

/** A number as the Manam page shows it: national form and calling code. */
export function describeMobile(address: string): { mobile: string; mobileSeed: string } {
  const parsed = parsePhoneNumberFromString(address);
  if (parsed === undefined) return { mobile: address, mobileSeed: '' };
  return { mobile: parsed.formatNational().replace(/\D/g, ''), mobileSeed: `+${parsed.countryCallingCode}` };
}

/** The ISO 3166 code of a number's country; empty where it cannot be told. */
export function countryOf(address: string): string {
  return /^\+\d{6,15}$/.test(address) ? (parsePhoneNumberFromString(address)?.country ?? '') : '';
}

/** A number of which only the last four digits can be read. */
export function maskMobile(address: string): string {
  return address.replace(/\d(?=\d{4})/g, '*');
}
