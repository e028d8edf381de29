import { fromJson, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { timestampFromDate, type Value, ValueSchema } from '@bufbuild/protobuf/wkt';
import type { IntrospectTokenResponseSchema } from '../../gen/manam/v1/auth_service_pb.js';
import {
  type SessionSchema,
  type SessionTokensSchema,
  TwoFactorMethod,
} from '../../gen/manam/v1/session_pb.js';
import type { TrustedDeviceSchema } from '../../gen/manam/v1/two_factor_service_pb.js';
import {
  type AccountSchema,
  type GoogleProfileSchema,
  IdentifierType,
  type UserProfileSchema,
} from '../../gen/manam/v1/user_pb.js';
import type { AuthenticatorKind } from '../domain/authenticator.ts';
import type { Caller } from '../domain/caller.ts';
import { describeDevice, parseDevice } from '../domain/device.ts';
import { invalid } from '../domain/errors.ts';
import type { IdentifierKind } from '../domain/identifier.ts';
import { describeMobile, maskMobile } from '../domain/mobile.ts';
import type { Client } from '../domain/network.ts';
import type { TenantPolicy } from '../domain/policy.ts';
import type { Json } from '../domain/profile.ts';
import type { SessionRow } from '../domain/session.ts';
import { permissionsOf } from '../domain/tenant.ts';
import type { TrustedDevice } from '../domain/trusted-device.ts';
import type { UserView } from '../domain/user.ts';
import type { ManamUser } from '../flows/accounts/manam-user.ts';
import type { Introspection } from '../flows/sessions/introspect-token.ts';
import type { IssuedTokens, SecondFactorPending, SignedIn, SignInResult } from '../flows/sign-in/complete.ts';

/** The kind of the identifier of a request: as it says, else by the field that is set. */
export function identifierKind(request: {
  type: IdentifierType;
  email?: string;
  mobile?: string;
}): IdentifierKind {
  if (request.type === IdentifierType.MOBILE) return 'mobile';
  if (request.type === IdentifierType.EMAIL) return 'email';
  return (request.email ?? '') === '' && (request.mobile ?? '') !== '' ? 'mobile' : 'email';
}

export function identifierType(kind: IdentifierKind): IdentifierType {
  return kind === 'email' ? IdentifierType.EMAIL : IdentifierType.MOBILE;
}

/** The JSON of a value; throws where JSON cannot express it. */
export function fromValue(value: Value | undefined): Json | undefined {
  try {
    return value === undefined ? undefined : (toJson(ValueSchema, value) as Json);
  } catch {
    throw invalid({ field: 'custom_fields', reason: 'CUSTOM_FIELDS_INVALID' });
  }
}

export function toValue(json: Json): Value {
  return fromJson(ValueSchema, json);
}

export function toTokens(tokens: IssuedTokens | undefined): MessageInitShape<typeof SessionTokensSchema> {
  if (tokens === undefined) return {};
  const { accessToken, refreshToken, expiresInS: expiresIn, tokenType } = tokens;
  return { accessToken, refreshToken, expiresIn, tokenType };
}

export function toAccount(
  { user, email, mobile }: UserView,
  kind: IdentifierKind,
  policy: TenantPolicy,
): MessageInitShape<typeof AccountSchema> {
  const { profile, roles, senderEmail, confirmUrl } = user;
  const { firstName, lastName, nationalCode, birthday } = profile;
  return {
    type: identifierType(kind),
    email: email?.address ?? '',
    ...(mobile === undefined ? {} : describeMobile(mobile.address)),
    senderEmail,
    confirmUrl,
    firstName,
    lastName,
    nationalCode,
    birthday,
    role: roles[0] ?? '',
    roles: [...roles],
    permissions: permissionsOf(policy, roles),
    customFields: toValue(profile.customFields),
  };
}

export function toProfile(
  { user, email, mobile }: UserView,
  policy: TenantPolicy,
): MessageInitShape<typeof UserProfileSchema> {
  const { birthdayGregorian: _, customFields, ...texts } = user.profile;
  return {
    ...texts,
    userId: user.id,
    email: email?.address ?? '',
    emailConfirmed: email?.confirmedAt !== undefined,
    mobile: mobile?.address ?? '',
    mobileConfirmed: mobile?.confirmedAt !== undefined,
    customFields: toValue(customFields),
    roles: [...user.roles],
    permissions: permissionsOf(policy, user.roles),
    locale: user.locale,
    createTime: timestampFromDate(user.createdAt),
  };
}

/** The device of a session in the language of the call. */
export function toDevice({ locale }: Pick<Caller, 'locale'>, { userAgent }: Client): string {
  return describeDevice(parseDevice(userAgent), locale);
}

export function toSession(
  caller: Caller,
  { id, client, createdAt, refreshedAt, expiresAt }: SessionRow,
): MessageInitShape<typeof SessionSchema> {
  return {
    sessionId: id,
    device: toDevice(caller, client),
    address: client.address,
    createTime: timestampFromDate(createdAt),
    lastUseTime: timestampFromDate(refreshedAt),
    expireTime: timestampFromDate(expiresAt),
    current: id === caller.session?.id,
  };
}

export function toTrustedDevice(
  caller: Caller,
  { id, client, createdAt, lastUsedAt, expiresAt }: TrustedDevice,
): MessageInitShape<typeof TrustedDeviceSchema> {
  return {
    deviceId: id,
    device: toDevice(caller, client),
    address: client.address,
    createTime: timestampFromDate(createdAt),
    lastUseTime: timestampFromDate(lastUsedAt),
    expireTime: timestampFromDate(expiresAt),
  };
}

export function toIntrospection(
  found: Introspection | undefined,
): MessageInitShape<typeof IntrospectTokenResponseSchema> {
  if (found === undefined) return { active: false };
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
  return {
    active: true,
    sub: found.userId,
    sessionId: found.sessionId,
    tokenType: found.kind,
    exp: seconds(found.expiresAt),
    iat: seconds(found.issuedAt),
    authTime: seconds(found.authTime),
    amr: [...found.amr],
    ...(found.jkt !== undefined && { cnf: { jkt: found.jkt } }),
    ...(found.actorId !== undefined && { act: { sub: found.actorId } }),
  };
}

/** The profile that a user of Manam has consented to show a tenant: name and proved address. */
function toSharedUser({
  user,
  email,
  mobile,
  subject: userId,
}: UserView & { readonly subject: string }): MessageInitShape<typeof UserProfileSchema> {
  const { firstName, lastName, picture } = user.profile;
  const names = { userId, firstName, lastName, picture };
  if (email?.confirmedAt !== undefined) return { ...names, email: email.address, emailConfirmed: true };
  return { ...names, mobile: mobile?.address ?? '', mobileConfirmed: mobile?.confirmedAt !== undefined };
}

/** A user of Manam itself, in the second shape where they came in through Google. */
export function toManamUser(
  found: ManamUser,
  policy: TenantPolicy,
):
  | { case: 'user'; value: MessageInitShape<typeof UserProfileSchema> }
  | { case: 'google'; value: MessageInitShape<typeof GoogleProfileSchema> } {
  if (found.isShared) return { case: 'user', value: toSharedUser(found) };
  return found.external === undefined
    ? { case: 'user', value: toProfile(found, policy) }
    : { case: 'google', value: found.external };
}

const twoFactorMethods = {
  passkey: TwoFactorMethod.PASSKEY,
  totp: TwoFactorMethod.TOTP,
  sms: TwoFactorMethod.SMS,
} as const satisfies Record<AuthenticatorKind, TwoFactorMethod>;

export function toMethods(methods: readonly AuthenticatorKind[]): TwoFactorMethod[] {
  return methods.map((method) => twoFactorMethods[method]);
}

/** A sign-in that waits for its second factor, and nothing of the account. */
function toPending({ token: twoFactorToken, methods, smsNumber }: SecondFactorPending) {
  const [first] = methods;
  return {
    tokens: toTokens(undefined),
    twoFactor: {
      twoFactorToken,
      twoFactorMethods: toMethods(methods),
      maskedPhoneNumber: smsNumber === undefined ? '' : maskMobile(smsNumber),
    },
    location: `/auth/2fa/${first}/validate`,
  };
}

/** The answer of every sign-in: tokens and account, or the demand for a second factor. */
export function toSignIn(result: SignInResult, { tenant }: Caller, kind?: IdentifierKind) {
  if (result.kind === 'pending') return toPending(result);
  const { tokens, kind: _, ...view } = result;
  const known = kind ?? (view.email === undefined ? 'mobile' : 'email');
  return { tokens: toTokens(tokens), account: toAccount(view, known, tenant.policy), location: '/' };
}

/** The answer of the second step of a sign-in. */
export function toSecondStep({ tokens, ...view }: SignedIn, policy: TenantPolicy) {
  const kind = view.email === undefined ? 'mobile' : 'email';
  return { tokens: toTokens(tokens), account: toAccount(view, kind, policy), userId: view.user.id };
}

/** The id of a user who has signed in; empty before the second factor. */
export function userIdOf(result: SignInResult): string {
  return result.kind === 'session' ? result.user.id : '';
}
