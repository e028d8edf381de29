import type { Caller } from '../domain/caller.ts';
import { invalid } from '../domain/errors.ts';
import { type BreachCheck, type PasswordStrength, parseNewPassword } from '../domain/password.ts';
import type { UserView } from '../domain/user.ts';

export type PasswordPolicyDeps = {
  readonly blocklist: ReadonlySet<string>;
  readonly strengthOf: PasswordStrength;
  readonly isBreached: BreachCheck;
};

/** The rules of new passwords, the same wherever one is chosen (R3, R4). */
export function createPasswordPolicy({ blocklist, strengthOf, isBreached }: PasswordPolicyDeps) {
  return {
    /**
     * The password in the form to hash; throws REQUEST_INVALID with the reason. `own` are the
     * identifiers and names of the account.
     */
    parse({ tenant }: Caller, own: readonly string[], password: string, confirmation: string): string {
      const words = [...own.flatMap(spellingsOf), tenant.name, tenant.slug, 'manam'];
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

/** The identifiers and names of an account. */
export function ownWords({ user, email, mobile }: UserView): string[] {
  const { firstName, lastName } = user.profile;
  return [email?.canonical ?? '', mobile?.canonical ?? '', firstName, lastName];
}

/** An identifier or a name as it would stand in a password: an address in parts, a number without its country. */
function spellingsOf(word: string): string[] {
  if (/^\+\d+$/.test(word)) {
    const national = word.slice(-10);
    return [word, word.slice(1), national, `0${national}`];
  }
  const [local = ''] = word.split('@', 1);
  return [word, local, ...local.split(/[._+-]/)];
}

export type PasswordPolicy = ReturnType<typeof createPasswordPolicy>;
