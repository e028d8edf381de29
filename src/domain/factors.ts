/** A second factor that can be enrolled. */
export type SecondFactorMethod = 'totp' | 'sms';

/** The second factors of a user. */
export type Factors = {
  readonly totp: boolean;
  /** The number of the SMS factor, in E.164; undefined: none. */
  readonly smsNumber: string | undefined;
};

/** The enrolled methods, in the order in which they are offered. */
export function methodsOf({ totp, smsNumber }: Factors): SecondFactorMethod[] {
  const methods: SecondFactorMethod[] = [];
  if (totp) methods.push('totp');
  if (smsNumber !== undefined) methods.push('sms');
  return methods;
}
