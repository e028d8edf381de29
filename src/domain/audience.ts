/**
 * On whose behalf a call is made. What anyone can ask for by naming an address or a number
 * is counted apart from what users need who are signed in, or half-way so (R70).
 * The calls of applications have a budget of their own: their failures cost people nothing.
 */
export type Audience = 'anonymous' | 'user' | 'application';
