import {
  type CountryCode,
  getCountryCallingCode,
  type PhoneNumber,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/mobile';
import { invalid, type Reason } from './errors.ts';
import { foldDigits } from './typed-text.ts';

export type MobileNumber = {
  /** E.164: what messages go to, and the form that all spellings share. */
  readonly address: string;
  readonly canonical: string;
};

export type NumberingPolicy = { readonly defaultCountry: string; readonly countries: readonly string[] };

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
  const number = digitsOf(text);
  if (number === '') throw refuse('FIELD_REQUIRED');
  if (!/^\+?[\d\s().-]{4,30}$/.test(number)) throw refuse('MOBILE_INVALID');
  const callingCode = digitsOf(seed).replace(/^(?:\+|00)/, '');
  if (!/^\d{0,4}$/.test(callingCode)) throw invalid({ field: 'mobile_seed', reason: 'MOBILE_INVALID' });

  const international = number.replace(/^00/, '+');
  const parsed = international.startsWith('+')
    ? parseNumber(international, {})
    : parseNational(number, callingCode, policy.defaultCountry);
  if (!parsed?.isValid()) {
    const lacksCountry = parsed === undefined && callingCode === '' && policy.defaultCountry === '';
    const description = 'write the number with its country calling code, such as +98';
    throw lacksCountry ? invalid({ field, reason: 'MOBILE_INVALID', description }) : refuse('MOBILE_INVALID');
  }
  if (callingCode !== '' && parsed.countryCallingCode !== callingCode) throw refuse('MOBILE_INVALID');
  if (parsed.country === undefined || !policy.countries.includes(parsed.country))
    throw refuse('COUNTRY_DENIED');
  return { address: parsed.number, canonical: parsed.number };
}

/** A number without anything that is invisible: between digits it says nothing. */
function digitsOf(text: string): string {
  return foldDigits(text).replace(/\p{Cf}/gu, '');
}

/**
 * The beginning of a number as it is stored, from the beginning of one as people type it: in international form,
 * and in that of the tenant's default country where it begins with a zero.
 */
export function beginningOfMobile(text: string, { defaultCountry }: NumberingPolicy): string {
  const number = digitsOf(text)
    .replaceAll(/[\s().-]/g, '')
    .replace(/^00/, '+');
  const isNational = number.startsWith('0') && defaultCountry !== '';
  return isNational
    ? `+${getCountryCallingCode(defaultCountry as CountryCode)}${number.slice(1)}`
    : `+${number.replace('+', '')}`;
}

function parseNational(number: string, callingCode: string, country: string): PhoneNumber | undefined {
  if (callingCode !== '') return parseNumber(number, { defaultCallingCode: callingCode });
  return country === '' ? undefined : parseNumber(number, { defaultCountry: country as CountryCode });
}

/** The number in a text; undefined for whatever the library cannot read or does not know (R77). */
function parseNumber(
  text: string,
  options: { readonly defaultCallingCode?: string; readonly defaultCountry?: CountryCode },
): PhoneNumber | undefined {
  try {
    return parsePhoneNumberFromString(text, options);
  } catch {
    // It throws for calling codes that no country has.
    return undefined;
  }
}

/** A number as the Manam page shows it: national form and calling code. */
export function describeMobile(address: string): { mobile: string; mobileSeed: string } {
  const parsed = parsePhoneNumberFromString(address);
  if (parsed === undefined) return { mobile: address, mobileSeed: '' };
  return { mobile: parsed.formatNational().replace(/\D/g, ''), mobileSeed: `+${parsed.countryCallingCode}` };
}

/** The ISO 3166 code of a number's country; empty where it is unknown. */
export function countryOf(address: string): string {
  return /^\+\d{6,15}$/.test(address) ? (parsePhoneNumberFromString(address)?.country ?? '') : '';
}

/** A number of which only the last four digits can be read. */
export function maskMobile(address: string): string {
  return address.replace(/\d(?=\d{4})/g, '*');
}
