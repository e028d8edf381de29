import { parseEmail } from './email.ts';
import { DomainError } from './errors.ts';
import type { IdentifierKind } from './identifier-kind.ts';
import { parseMobile } from './mobile.ts';
import type { TenantPolicy } from './policy.ts';

export type { IdentifierKind } from './identifier-kind.ts';

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

/** The identifier that a text can be, if any. */
export function readIdentifier(text: string, policy: TenantPolicy): Identifier | undefined {
  try {
    return text.includes('@')
      ? { kind: 'email', canonical: parseEmail(text).canonical }
      : { kind: 'mobile', canonical: parseMobile(text, '', policy).canonical };
  } catch (error) {
    if (error instanceof DomainError) return undefined;
    throw error;
  }
}

/** One identifier in the form in which it is compared. */
export type Identifier = { readonly kind: IdentifierKind; readonly canonical: string };

/** An identifier as it stands in its row. */
export type HeldIdentifier = Identifier & {
  readonly userId: string;
  /** The form that messages go to. */
  readonly address: string;
  readonly confirmedAt: Date | undefined;
  /** Time at which it was added to the account. */
  readonly addedAt: Date;
};
