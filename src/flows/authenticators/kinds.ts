import type { CodeKind } from '../../domain/authenticator.ts';
import type { AuthenticatorDeps, AuthenticatorType } from './kind.ts';
import { createSms } from './sms.ts';
import { createTotp } from './totp.ts';

/** Every kind. A kind without its type does not compile. */
export function createAuthenticatorTypes(deps: AuthenticatorDeps) {
  return {
    totp: createTotp(deps),
    sms: createSms(deps),
  } satisfies { readonly [K in CodeKind]: AuthenticatorType & { readonly kind: K } };
}

export type AuthenticatorTypes = ReturnType<typeof createAuthenticatorTypes>;
