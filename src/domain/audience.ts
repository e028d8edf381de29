/**
 * On whose behalf a call is made. What anyone can ask for by naming an address or a number
 * is counted apart from what users need who are signed in, or half-way so (R70).
 * What applications ask of the OpenID provider is a third budget: their failures cost people nothing.
 */
export type Audience = 'anonymous' | 'user' | 'application';
