import type { Manager } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { createViolations, DomainError } from '../../domain/errors.ts';
import type { ParsedIdentifier } from '../../domain/identifier.ts';
import { parseLocale } from '../../domain/locale.ts';
import { maskMobile, parseMobile } from '../../domain/mobile.ts';
import { emptyProfile, parseProfileText } from '../../domain/profile.ts';
import { DuplicateError, type Repositories } from '../../domain/repositories.ts';
import type { SessionRow } from '../../domain/session.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { isUuid } from '../../domain/token.ts';
import type { User, UserView } from '../../domain/user.ts';
import { confirmationOf, sendConfirmation } from '../accounts/confirmation.ts';
import { afterChange, endAccess } from '../after-change.ts';
import { send } from '../challenges/send.ts';
import { record } from '../events/record.ts';
import { recoveryProof } from '../recovery/recover.ts';
import { asActor, findTenant, onBehalfOf } from './manager.ts';
import { type createUserAdmin, hold, type UserAdminDeps, type UserOfTenant } from './users.ts';

export type CreateUserCommand = {
  readonly tenant: string;
  readonly email: string;
  readonly mobile: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly roles: readonly string[];
  readonly locale: string;
  readonly confirmed: boolean;
  readonly silent: boolean;
};

type Remember = (repositories: Pick<Repositories, 'idempotency'>, userId: string) => Promise<void>;

/** The authenticators of a user, as those who manage the tenant see them. */
export type UserAuthenticators = {
  readonly passkeys: number;
  readonly totp: boolean;
  readonly maskedPhoneNumber: string;
  readonly recoveryCodesLeft: number;
  readonly password: boolean;
};

/** Makes users, and helps those who have lost a device. */
export function createUserCare(deps: UserAdminDeps, find: ReturnType<typeof createUserAdmin>['find']) {
  const { store, clock } = deps;

  /** Sends what the first identifier of a new user is proved with, or a password is set by. */
  async function invite(
    repositories: Pick<typeof store, 'challenges' | 'outbox'>,
    tenant: Tenant,
    { user, email, mobile }: UserView,
  ): Promise<void> {
    const first = email ?? mobile;
    if (first === undefined) return;
    const context = onBehalfOf(tenant);
    if (first.confirmedAt === undefined) {
      const order = confirmationOf({ ...user, userId: user.id }, first);
      return await sendConfirmation(deps, repositories, context, order);
    }
    await send(repositories, recoveryProof(deps, context, user, first));
  }

  return {
    /** Makes a user; `remember` keeps the answer of the call in the same transaction. */
    async create(
      manager: Manager,
      command: CreateUserCommand,
      remember: Remember = async () => {},
    ): Promise<UserView> {
      const tenant = await findTenant(store, command.tenant);
      const { user, identifiers } = parse(tenant, command, deps.random.uuid(), clock());
      try {
        return await store.transaction(async (repositories) => {
          const { users } = repositories;
          const [first, ...others] = identifiers;
          const now = clock();
          const held = (identifier: ParsedIdentifier) => ({
            ...identifier,
            userId: user.id,
            confirmedAt: undefined,
            addedAt: now,
          });
          for (const identifier of identifiers)
            await users.releaseClaim(tenant.id, identifier, user.id, 'claimed');
          await users.insert(user, first && held(first), undefined);
          for (const identifier of others) await users.addIdentifier(tenant.id, held(identifier));
          for (const identifier of command.confirmed ? identifiers : [])
            await users.confirmIdentifier(tenant.id, user.id, identifier, now);
          const view = await users.findById(tenant.id, user.id);
          if (view === undefined) throw new DomainError('INTERNAL');
          if (!command.silent) await invite(repositories, tenant, view);
          const actor = asActor(manager, tenant);
          await record(repositories, deps, actor, { type: 'user.created', userId: user.id });
          await remember(repositories, user.id);
          return view;
        });
      } catch (error) {
        throw error instanceof DuplicateError ? new DomainError('IDENTIFIER_TAKEN') : error;
      }
    },

    async listSessions(reference: UserOfTenant): Promise<SessionRow[]> {
      const { view } = await find(reference);
      return await store.sessions.listLive(view.user.tenantId, view.user.id, clock());
    },

    /** Ends one session, or with an empty id all of them; returns their number. */
    async endSessions(
      manager: Manager,
      reference: UserOfTenant & { readonly sessionId: string },
    ): Promise<number> {
      const { tenant, view } = await find(reference);
      const { tenantId, id: userId } = view.user;
      const { sessionId } = reference;
      if (sessionId !== '' && !isUuid(sessionId)) throw new DomainError('NOT_FOUND');
      return await store.transaction(async (repositories) => {
        await hold(repositories, view);
        const actor = asActor(manager, tenant);
        if (sessionId === '') {
          return await endAccess(deps, repositories, actor, view.user, undefined);
        }
        if (!(await repositories.sessions.revoke(tenantId, userId, sessionId, clock())))
          throw new DomainError('NOT_FOUND');
        const details = { cause: 'revoked' } as const;
        await record(repositories, deps, actor, { type: 'session.ended', userId, sessionId, details });
        return 1;
      });
    },

    async authenticatorsOf(reference: UserOfTenant): Promise<UserAuthenticators> {
      const { tenantId, id } = (await find(reference)).view.user;
      const { kinds, smsNumber } = await store.authenticators.findEnrolled(tenantId, id);
      const rows = await store.authenticators.list(tenantId, id);
      return {
        passkeys: rows.filter(({ kind }) => kind === 'passkey').length,
        totp: kinds.includes('totp'),
        maskedPhoneNumber: smsNumber === undefined ? '' : maskMobile(smsNumber),
        recoveryCodesLeft: await store.recoveryCodes.count(tenantId, id),
        password: (await store.users.findPasswordHash(tenantId, id)) !== undefined,
      };
    },

    async resetAuthenticators(manager: Manager, reference: UserOfTenant): Promise<UserView> {
      const { tenant, view } = await find(reference);
      const { tenantId, id: userId } = view.user;
      await store.transaction(async (repositories) => {
        const { authenticators, recoveryCodes, attempts, users } = repositories;
        await hold(repositories, view);
        await authenticators.findForUpdate(tenantId, userId);
        await authenticators.removeAll(tenantId, userId);
        await recoveryCodes.replace(tenantId, userId, []);
        await users.setPasskeyOnly(tenantId, userId, false);
        await attempts.reset(tenantId, { kind: 'second-factor', subject: userId });
        const actor = { ...asActor(manager, tenant), ...onBehalfOf(tenant) };
        const event = { type: 'authenticators.reset' } as const;
        await afterChange(deps, repositories, actor, view, { notice: 'two-factor-changed', event });
      });
      return view;
    },
  };
}

/** Parses the command; one error reports all violations. */
function parse({ id: tenantId, policy }: Tenant, command: CreateUserCommand, id: string, now: Date) {
  const violations = createViolations();
  const { collect, add } = violations;
  const email = command.email === '' ? undefined : collect(() => parseEmail(command.email));
  const mobile = command.mobile === '' ? undefined : collect(() => parseMobile(command.mobile, '', policy));
  if (command.email === '' && command.mobile === '') add('email', 'FIELD_REQUIRED');
  const firstName = collect(() => parseProfileText('firstName', command.firstName)) ?? '';
  const lastName = collect(() => parseProfileText('lastName', command.lastName)) ?? '';
  const locale = command.locale === '' ? policy.defaultLocale : parseLocale(command.locale);
  if (locale === undefined) add('locale', 'FIELD_INVALID');
  if (command.roles.some((role) => !Object.hasOwn(policy.roles, role))) add('roles', 'ROLE_UNKNOWN');
  violations.throwIfAny();
  const user: User = {
    id,
    tenantId,
    status: 'active',
    locale: locale ?? policy.defaultLocale,
    roles: [...new Set(command.roles)],
    senderEmail: '',
    confirmUrl: '',
    createdAt: now,
    origin: 'back-end',
    profile: { ...emptyProfile, firstName, lastName },
  };
  const identifiers: ParsedIdentifier[] = [];
  if (email !== undefined) identifiers.push({ kind: 'email', ...email });
  if (mobile !== undefined) identifiers.push({ kind: 'mobile', ...mobile });
  return { user, identifiers };
}
