/** The signature algorithms of ID tokens and access tokens (RFC 7518, section 3.1; RFC 8037). */
export const signingAlgorithms = ['RS256', 'ES256', 'EdDSA'] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];
