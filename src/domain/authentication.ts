/** How far a session has authenticated; a pending second factor has no session yet. */
export type SessionLevel = 'signed-in' | 'enrol-only' | 'acting';

/** How a user authenticated (RFC 8176, section 2; `fed` is ours: a provider vouched). */
export type AuthenticationMethod = 'pwd' | 'otp' | 'sms' | 'hwk' | 'swk' | 'user' | 'mfa' | 'fed';
