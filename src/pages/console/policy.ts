import type { JsonObject } from '@bufbuild/protobuf';
import type { PasskeyMode, PasswordlessMode, SignInWay } from '../../domain/sign-in-way.ts';
import { useConsole } from './state.ts';

/** What the screens read of a policy. */
export type Policy = {
  readonly defaultLocale: 'en' | 'fa';
  readonly requireSecondFactor: boolean;
  readonly rememberDeviceDays: number;
  readonly newSignInNotice: boolean;
  readonly password: { readonly minLength: number; readonly minStrength: number };
  readonly codeSignIn: { readonly enabled: boolean; readonly createAccounts: boolean };
  readonly passkeys: { readonly mode: PasskeyMode; readonly passwordless: PasswordlessMode };
  readonly signInOrder: readonly SignInWay[];
  readonly terms: { readonly url: string; readonly version: string };
  readonly members: { readonly requireSecondFactor: boolean };
  readonly roles: Readonly<Record<string, readonly string[]>>;
  readonly origins: readonly string[];
  readonly redirectUris: readonly string[];
  readonly branding: {
    readonly color: string;
    readonly background: string;
    readonly logo: string;
    readonly logoDark: string;
    readonly radius: number;
    readonly font: 'system' | 'humanist' | 'serif';
  };
  readonly templates: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly senders: { readonly default: string; readonly addresses: readonly string[] };
};

export type PolicyAnswer = {
  readonly policy: Policy;
  readonly whole: JsonObject;
  readonly operatorFields: readonly string[];
  readonly isConfined: boolean;
};

/** Reads the policy, and changes it by a merge patch. */
export function usePolicy() {
  const { manage } = useConsole();
  return {
    load: async (): Promise<PolicyAnswer> => {
      const { policy: whole = {}, operatorFields, confined } = await manage.getPolicy({});
      return { policy: whole as unknown as Policy, whole, operatorFields, isConfined: confined };
    },
    save: async (patch: JsonObject) => {
      await manage.updatePolicy({ policy: patch });
    },
  };
}
