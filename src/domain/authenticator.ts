export type FactorRepository = {
  find(tenantId: string, userId: string): Promise<Factors>;
  /** As `find`, and nobody else changes the user's factors and codes before this transaction ends. */
  hold(tenantId: string, userId: string): Promise<Factors>;
  /** The TOTP seed of a user in Base32, or undefined where he has none. */
  findTotpSeed(tenantId: string, userId: string): Promise<string | undefined>;
  /** Uses up a time step and all before it; true for exactly one caller per step (R27). */
  useTotpStep(tenantId: string, userId: string, step: number): Promise<boolean>;
  /** Keeps a confirmed seed, encrypted, with the step of the code that confirmed it. */
  insertTotp(tenantId: string, userId: string, seed: string, step: number, now: Date): Promise<void>;
  insertSms(tenantId: string, userId: string, number: string, now: Date): Promise<void>;
  /** Removes a factor; false where there is none. */
  remove(tenantId: string, userId: string, method: SecondFactorMethod): Promise<boolean>;
  countRecoveryCodes(tenantId: string, userId: string): Promise<number>;
  /** Puts new codes in the place of the old ones; an empty list removes them. */
  replaceRecoveryCodes(tenantId: string, userId: string, digests: readonly Buffer[]): Promise<void>;
  /** Recovery codes of the system that a user came from, as it hashed them. */
  listForeignCodes(tenantId: string, userId: string): Promise<string[]>;
  insertForeignCodes(tenantId: string, userId: string, hashes: readonly string[]): Promise<void>;
  /** Consumes one of those; true for exactly one caller. */
  useForeignCode(tenantId: string, userId: string, hash: string): Promise<boolean>;
  /** Consumes a recovery code; true for exactly one caller. */
  useRecoveryCode(tenantId: string, userId: string, digest: Buffer): Promise<boolean>;
};

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
