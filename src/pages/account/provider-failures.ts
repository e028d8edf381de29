import type { Reason } from '../../clients/web.ts';

/** Messages of a failed sign-in or connection with a provider, by reason. */
const failures = {
  LOGIN_STATE_INVALID: 'signInState',
  CODE_INVALID: 'signInState',
  PROVIDER_DENIED: 'signInDenied',
  PROVIDER_DISABLED: 'signInDisabled',
  PROVIDER_ADDRESS_DENIED: 'signInAddress',
  PROVIDER_ADDRESS_UNPROVED: 'signInUnproved',
  LOCAL_LOGIN_REQUIRED: 'signInLocal',
  REGISTRATION_REQUIRED: 'signInRegister',
  IDENTITY_TAKEN: 'providerTaken',
  ACCOUNT_FROZEN: 'providerFrozen',
  UNAVAILABLE: 'signInUnavailable',
} as const satisfies Partial<Record<Reason, string>>;

/** The message for a reason. */
export function messageOf(reason: string) {
  return Object.hasOwn(failures, reason) ? failures[reason as keyof typeof failures] : 'signInFailed';
}
