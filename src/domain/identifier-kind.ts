/** The kinds of what a user signs in with. */
export type IdentifierKind = 'email' | 'mobile';
