import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import type {
  ListUsersRequest,
  ManagedIdentitySchema,
  ManagedSessionSchema,
  ManagedUserSchema,
  UpdateUserRequest,
} from '../../gen/manam/v1/management_users_pb.js';
import { type Caller, managerOf } from '../domain/caller.ts';
import { maskEmail } from '../domain/email.ts';
import { DomainError, invalid } from '../domain/errors.ts';
import type { ExternalIdentity } from '../domain/external-identity.ts';
import type { HeldIdentifier } from '../domain/identifier.ts';
import { type Sight, sightOf } from '../domain/member.ts';
import { maskMobile } from '../domain/mobile.ts';
import { mapProfile } from '../domain/profile.ts';
import type { SessionRow } from '../domain/session.ts';
import { isUuid } from '../domain/token.ts';
import type { UserView } from '../domain/user.ts';
import type { createEditUser, EditUserCommand } from '../flows/accounts/edit-user.ts';
import type { createReadUser } from '../flows/accounts/view-user.ts';
import type { createHistory } from '../flows/events/history.ts';
import type { createCreateUser } from '../flows/manage/create-user.ts';
import type { CredentialCare } from '../flows/manage/credentials.ts';
import type { createImpersonate } from '../flows/manage/impersonate.ts';
import type { createListUsers, UserQuery } from '../flows/manage/list-users.ts';
import type { createUserCare } from '../flows/manage/user-care.ts';
import type { createUserAdmin } from '../flows/manage/users.ts';
import { callerOf } from './context.ts';
import { fromValue, toDevice, toProfile } from './convert.ts';
import { toTold } from './event-service.ts';

export type ManagedUserFlows = {
  readonly users: ReturnType<typeof createUserAdmin>;
  readonly userCare: ReturnType<typeof createUserCare>;
  readonly createUser: ReturnType<typeof createCreateUser>;
  readonly listUsers: ReturnType<typeof createListUsers>;
  readonly listIdentities: (tenantId: string, userId: string) => Promise<ExternalIdentity[]>;
  readonly credentials: CredentialCare;
  readonly impersonate: ReturnType<typeof createImpersonate>;
  readonly editUser: ReturnType<typeof createEditUser>;
  readonly readUser: ReturnType<typeof createReadUser>;
  readonly history: ReturnType<typeof createHistory>;
};

/** How much of people a caller sees. */
const sightOfCaller = ({ member }: Caller): Sight => sightOf(member?.role);

/** The times of a query, as the list of users takes them. */
export function toTimes({
  createdFrom,
  createdUntil,
}: Pick<ListUsersRequest, 'createdFrom' | 'createdUntil'>): Pick<UserQuery, 'createdFrom' | 'createdUntil'> {
  return {
    createdFrom: createdFrom && timestampDate(createdFrom),
    createdUntil: createdUntil && timestampDate(createdUntil),
  };
}

/** A user of the caller's tenant, by id: what cannot be one does not exist. */
function named({ tenant }: Caller, user: string): { tenant: string; user: string } {
  if (!isUuid(user)) throw new DomainError('NOT_FOUND');
  return { tenant: tenant.id, user };
}

/** The calls of the management service about users. */
export function managedUserHandlers(flows: ManagedUserFlows) {
  const { users, userCare, createUser, listUsers, listIdentities, credentials, editUser, readUser, history } =
    flows;

  const answer = (caller: Caller, view: UserView) => ({ user: toManagedUser(view, sightOfCaller(caller)) });

  /** A call that changes the user whom it names. */
  const changing =
    (change: typeof users.confirm) =>
    async ({ userId }: { userId: string }, context: HandlerContext) => {
      const caller = callerOf(context);
      return answer(caller, await change(managerOf(caller), named(caller, userId)));
    };

  async function create(caller: Caller, command: NewUser) {
    const { userId } = await createUser(caller, command);
    return answer(caller, await readUser(caller, userId));
  }

  return {
    async listUsers(request, context) {
      const caller = callerOf(context);
      const sight = sightOfCaller(caller);
      const query = { ...request, ...toTimes(request) };
      const { users: page, nextPageToken } = await listUsers(caller.tenant, query, sight);
      return { users: page.map((view) => toManagedUser(view, sight)), nextPageToken };
    },

    async getUser({ userId }, context) {
      const caller = callerOf(context);
      const reference = named(caller, userId);
      const view = await users.get(reference);
      const sight = sightOfCaller(caller);
      const identities = await listIdentities(caller.tenant.id, userId);
      return {
        user: toManagedUser(view, sight),
        ...(sight.profile && { profile: toProfile(view, caller.tenant.policy) }),
        authenticators: await userCare.authenticatorsOf(reference),
        identities: identities.map((each) => toIdentity(each, sight)),
      };
    },

    createUser: (request, context) => create(callerOf(context), request),
    inviteUser: (request, context) =>
      create(callerOf(context), { ...request, roles: [], confirmed: false, silent: false }),

    async updateUser(request, context) {
      const caller = callerOf(context);
      const { user: userId } = named(caller, request.userId);
      await editUser(caller, toEdit(request));
      return answer(caller, await readUser(caller, userId));
    },

    confirmUser: changing(users.confirm),
    disableUser: changing(users.disable),
    enableUser: changing(users.enable),
    resetUserAuthenticators: changing(userCare.resetAuthenticators),

    async deleteUser({ userId }, context) {
      const caller = callerOf(context);
      return { receipt: await users.delete(managerOf(caller), named(caller, userId)) };
    },

    async setUserPassword(request, context) {
      await credentials.setPassword(callerOf(context), request);
      return {};
    },

    async impersonateUser(request, context) {
      const { accessToken, expiresInS: expiresIn } = await flows.impersonate(callerOf(context), request);
      return { accessToken, expiresIn };
    },

    async sendUserRecovery(request, context) {
      await credentials.sendRecovery(callerOf(context), request);
      return {};
    },

    async listUserSessions({ userId }, context) {
      const caller = callerOf(context);
      const sessions = await userCare.listSessions(named(caller, userId));
      return { sessions: sessions.map((session) => toManagedSession(caller, session)) };
    },

    async endUserSessions({ userId, sessionId }, context) {
      const caller = callerOf(context);
      const reference = { ...named(caller, userId), sessionId };
      return { ended: await userCare.endSessions(managerOf(caller), reference) };
    },

    async listUserEvents({ userId, beforeEventId: beforeId, limit }, context) {
      const caller = callerOf(context);
      const { view } = await users.find(named(caller, userId));
      const { events, hasMore } = await history.ofUser(caller, view.user.id, { beforeId, limit });
      const { identifiers } = sightOfCaller(caller);
      const told = events.map((each) => toTold(each, undefined));
      return { events: identifiers ? told : told.map((each) => ({ ...each, address: '' })), hasMore };
    },
  } satisfies Partial<ServiceImpl<typeof ManagementService>>;
}

type NewUser = Parameters<ManagedUserFlows['createUser']>[1];

/** The names of the fields that a mask may name, with those of the command. */
const editable = {
  ...mapProfile((field) => field),
  email: 'email',
  mobile: 'mobile',
  birthday: 'birthday',
  locale: 'locale',
  customFields: 'customFields',
  roles: 'roles',
} as const;

const camelCase = (path: string) => path.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The fields that a request changes: those of its mask, empty where they are not set, or those that are set. */
function toEdit({ updateMask, userId, customFields, roles, ...texts }: UpdateUserRequest): EditUserCommand {
  // An empty mask is treated as no mask: every field that was sent changes (AIP-134).
  const paths = updateMask?.paths.length ? updateMask.paths.map(camelCase) : undefined;
  if (paths?.some((path) => !Object.hasOwn(editable, path)))
    throw invalid({ field: 'update_mask', reason: 'FIELD_INVALID', description: 'names an unknown field' });
  const isNamed = (field: string) => paths === undefined || paths.includes(field);
  const text = (field: keyof typeof texts) =>
    isNamed(field) ? ((texts[field] as string | undefined) ?? (paths && '')) : undefined;
  const identifierOf = (field: 'email' | 'mobile') => {
    const value = text(field);
    // Taking the last way in away is no edit.
    if (value === '') throw invalid({ field, reason: 'FIELD_REQUIRED' });
    return value ?? '';
  };
  const hasRoles = paths === undefined ? roles.length > 0 : isNamed('roles');
  return {
    ...mapProfile(text),
    userId,
    email: identifierOf('email'),
    mobile: identifierOf('mobile'),
    mobileSeed: '',
    birthday: text('birthday'),
    locale: text('locale'),
    customFields: isNamed('customFields') ? (fromValue(customFields) ?? (paths && [])) : undefined,
    role: undefined,
    ...(hasRoles && { roles }),
  };
}

function toManagedUser(
  { user, email, mobile, frozenUntil }: UserView,
  sight: Sight,
): MessageInitShape<typeof ManagedUserSchema> {
  const shown = (held: HeldIdentifier | undefined, mask: (address: string) => string) => {
    if (held === undefined) return '';
    return sight.identifiers ? held.address : mask(held.address);
  };
  return {
    userId: user.id,
    state: user.status,
    email: shown(email, maskEmail),
    emailConfirmed: email?.confirmedAt !== undefined,
    mobile: shown(mobile, maskMobile),
    mobileConfirmed: mobile?.confirmedAt !== undefined,
    firstName: user.profile.firstName,
    lastName: user.profile.lastName,
    roles: [...user.roles],
    locale: user.locale,
    origin: user.origin,
    createTime: timestampFromDate(user.createdAt),
    ...(frozenUntil && { frozenUntilTime: timestampFromDate(frozenUntil) }),
  };
}

function toIdentity(
  { provider, issuer, subject, createdAt }: ExternalIdentity,
  { identifiers }: Sight,
): MessageInitShape<typeof ManagedIdentitySchema> {
  // Some providers take the address for it.
  return { provider, issuer, subject: identifiers ? subject : '', createTime: timestampFromDate(createdAt) };
}

function toManagedSession(
  caller: Caller,
  { id, client, amr, createdAt, refreshedAt, expiresAt }: SessionRow,
): MessageInitShape<typeof ManagedSessionSchema> {
  return {
    sessionId: id,
    device: toDevice(caller, client),
    address: sightOfCaller(caller).identifiers ? client.address : '',
    amr: [...amr],
    createTime: timestampFromDate(createdAt),
    lastUseTime: timestampFromDate(refreshedAt),
    expireTime: timestampFromDate(expiresAt),
  };
}
