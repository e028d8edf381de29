import type { Caller } from '../domain/caller.ts';
import { invalid } from '../domain/errors.ts';
import { parseNewPassword } from '../domain/password.ts';
import type { BreachCheck, PasswordStrength } from '../domain/ports.ts';

export type PasswordPolicyDeps = {
  readonly blocklist: ReadonlySet<string>;
  readonly strengthOf: PasswordStrength;
  readonly isBreached: BreachCheck;
};

/** What a new password has to be, the same at every place where one is chosen (R3, R4). */
export function createPasswordPolicy({ blocklist, strengthOf, isBreached }: PasswordPolicyDeps) {
  return {
    /** The password in the form to hash; throws REQUEST_INVALID with the reason. */
    parse(
      { tenant }: Caller,
      identifiers: readonly string[],
      password: string,
      confirmation: string,
    ): string {
      const own = identifiers.flatMap((identifier) => [identifier, identifier.split('@', 1)[0] ?? '']);
      const words = [...own, tenant.name, tenant.slug, 'manam'];
      return parseNewPassword(password, confirmation, {
        ...tenant.policy.password,
        words,
        blocklist,
        strengthOf,
      });
    },

    /** Refuses a password that others have lost, where a service to ask is configured. */
    async refuseBreached(password: string): Promise<void> {
      if (await isBreached(password)) throw invalid({ field: 'password', reason: 'PASSWORD_COMMON' });
    },
  };
}

export type PasswordPolicy = ReturnType<typeof createPasswordPolicy>;
