/**
 * Invisible characters that copying adds: soft hyphens, marks of writing direction (Unicode
 * TR9, section 2) and byte order marks.
 */
const unseen = /[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
/** The dashes that word processors and mail programs write for a hyphen. */
const dashes = /[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/g;
const blankEnds = /^[\s\u200b-\u200d\u2060]+|[\s\u200b-\u200d\u2060]+$/g;

/**
 * Cleans a text that a user typed or pasted: removes invisible characters and blanks around
 * it, and writes plain hyphens. An invisible character inside of it that could
 * make one identifier of another, such as a zero-width space, stays, and is rejected later.
 */
export function cleanTyped(text: string): string {
  return text.replace(unseen, '').replace(dashes, '-').replace(blankEnds, '');
}

/** The same with the digits of Persian and Arabic keyboards as Latin ones. */
export function foldDigits(text: string): string {
  return cleanTyped(text)
    .normalize('NFKC')
    .replace(/[\u06f0-\u06f9\u0660-\u0669]/g, (digit) => String(digit.charCodeAt(0) & 15));
}
