import type { Caller } from '../domain/caller.ts';
import { invalid } from '../domain/errors.ts';
import { type BreachCheck, type KnownPasswords, parseNewPassword } from '../domain/password.ts';
import type { UserView } from '../domain/user.ts';

export type PasswordPolicyDeps = {
  readonly loadKnown: () => Promise<KnownPasswords>;
  readonly isBreached: BreachCheck;
};

/**
 * The password in the form to hash; throws REQUEST_INVALID with the reason. `own` are the
 * identifiers and names of the account.
 */
export type PasswordParser = (
  caller: Caller,
  own: readonly string[],
  password: string,
  confirmation: string,
) => string;

/** The rules of new passwords, the same wherever one is chosen (R3, R4). */
export function createPasswordPolicy({ loadKnown, isBreached }: PasswordPolicyDeps) {
  /** Parses by the rules when what is known of passwords is there. */
  async function loadParser(): Promise<PasswordParser> {
    const known = await loadKnown();
    return ({ tenant }, own, password, confirmation) => {
      const words = [...own.flatMap(spellingsOf), tenant.name, tenant.slug, 'manam'];
      return parseNewPassword(password, confirmation, { ...tenant.policy.password, ...known, words });
    };
  }

  return {
    loadParser,

    parse: async (...question: Parameters<PasswordParser>) => (await loadParser())(...question),

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
