import { parseEmail } from './email.ts';
import { parseMobile } from './mobile.ts';
import type { HeldIdentifier, IdentifierKind } from './model.ts';
import type { TenantPolicy } from './tenant.ts';

/** How a request names an account. */
export type IdentifierInput = {
  readonly type: IdentifierKind;
  readonly email: string;
  readonly mobile: string;
  readonly mobileSeed: string;
};

export type ParsedIdentifier = Pick<HeldIdentifier, 'kind' | 'canonical' | 'address'>;

/** Reads the identifier of the request's type; the other one is not looked at. */
export function parseIdentifier(input: IdentifierInput, policy: TenantPolicy): ParsedIdentifier {
  return input.type === 'email'
    ? { kind: 'email', ...parseEmail(input.email) }
    : { kind: 'mobile', ...parseMobile(input.mobile, input.mobileSeed, policy) };
}
