/** The last characters that a cut-off group may have: their unused bits are zero. */
const twoLeft = /[AQgw]$/;
const threeLeft = /[AEIMQUYcgkosw048]$/;

/**
 * Whether a text is Base64url in its only canonical spelling: no padding and no bits that a
 * decoder drops (RFC 4648, sections 3.2 and 3.5; RFC 7515, section 2). Two spellings of one
 * token would be two tokens to code that lists or counts them.
 */
export function isCanonicalBase64url(text: string): boolean {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return false;
  switch (text.length % 4) {
    case 0:
      return true;
    case 2:
      return twoLeft.test(text);
    case 3:
      return threeLeft.test(text);
    default:
      return false;
  }
}

/** Whether a text is a JWS in its canonical compact form (RFC 7515, section 3.1). */
export function isCanonicalJws(text: string): boolean {
  const parts = text.split('.', 4);
  return parts.length === 3 && parts.every((part) => part !== '' && isCanonicalBase64url(part));
}
