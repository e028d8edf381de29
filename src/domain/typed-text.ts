/**
 * What copying brings along unseen: soft hyphens, marks of writing direction (Unicode TR9,
 * section 2) and byte order marks.
 */
const unseen = /[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
/** The dashes that word processors and mail programs write for a hyphen. */
const dashes = /[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/g;
const blankEnds = /^[\s\u200b-\u200d\u2060]+|[\s\u200b-\u200d\u2060]+$/g;

/**
 * A text as it was meant by whoever typed or pasted it: without invisible characters, with plain
 * hyphens, and without blanks around it. What is invisible between two characters and could
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
