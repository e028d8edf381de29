import { type CustomClaim, type CustomClaims, customField, profileFieldsByName } from './custom-claims.ts';
import type { Json } from './profile.ts';
import type { UserView } from './user.ts';

function fieldOf({ user: { profile } }: UserView, name: string): Json | undefined {
  const custom = customField.exec(name)?.[1];
  const { customFields } = profile;
  if (custom !== undefined)
    return typeof customFields === 'object' && customFields !== null && !Array.isArray(customFields)
      ? customFields[custom]
      : undefined;
  const field = name === 'birthday' ? 'birthday' : profileFieldsByName.get(name);
  const value = field === undefined ? '' : profile[field as keyof typeof profile];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

type ClaimSet = Readonly<Record<string, unknown>>;

/** The tenant's own claims of a user, for an ID token or for UserInfo. */
export function customClaimsOf(
  claims: CustomClaims,
  view: UserView,
  scopes: readonly string[],
  where: 'inIdToken' | 'inUserInfo',
): ClaimSet {
  const resolve = ({ source, name, value }: CustomClaim) =>
    source === 'constant' ? value : source === 'role' ? view.user.roles.includes(name) : fieldOf(view, name);
  const wanted = Object.entries(claims).filter(
    ([, claim]) => claim[where] && (claim.scope === '' || scopes.includes(claim.scope)),
  );
  const found = wanted.map(([name, claim]) => [name, resolve(claim)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined && value !== null));
}

/** The claims of a user that scopes ask for (OpenID Connect Core 1.0, section 5.4); what is not known is left out. */
export function standardClaimsOf({ user, email, mobile }: UserView, scopes: readonly string[]): ClaimSet {
  const { profile, locale, roles } = user;
  const { firstName, lastName, picture, birthdayGregorian, address, postalCode } = profile;
  const name = `${firstName} ${lastName}`.trim();
  const byScope: Readonly<Record<string, ClaimSet>> = {
    profile: {
      name,
      given_name: firstName,
      family_name: lastName,
      picture,
      birthdate: birthdayGregorian,
      locale,
    },
    email: email && { email: email.address, email_verified: email.confirmedAt !== undefined },
    phone: mobile && {
      phone_number: mobile.address,
      phone_number_verified: mobile.confirmedAt !== undefined,
    },
    address: (address !== '' || postalCode !== '') && {
      address: {
        formatted: [address, postalCode].filter((line) => line !== '').join('\n'),
        ...(address !== '' && { street_address: address }),
        ...(postalCode !== '' && { postal_code: postalCode }),
      },
    },
    roles: { roles },
  } as Readonly<Record<string, ClaimSet>>;
  const known = scopes.flatMap((scope) => Object.entries(byScope[scope] || {}));
  return Object.fromEntries(known.filter(([, value]) => value !== '' && value !== undefined));
}
