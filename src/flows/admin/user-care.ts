import type { Operator } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { createViolations, DomainError } from '../../domain/errors.ts';
import type { ParsedIdentifier } from '../../domain/identifier.ts';
import { parseLocale } from '../../domain/locale.ts';
import { maskMobile, parseMobile } from '../../domain/mobile.ts';
import { emptyProfile, parseName } from '../../domain/profile.ts';
import { DuplicateError } from '../../domain/repositories.ts';
import type { SessionRow } from '../../domain/session.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { isUuid } from '../../domain/token.ts';
import type { User, UserView } from '../../domain/user.ts';
import { sendConfirmation } from '../accounts/confirmation.ts';
import { auditEvent } from '../audit.ts';
import { tellUser } from '../messages.ts';
import { sendOutOfBand } from '../out-of-band.ts';
import { recoveryProof } from '../recovery/recover.ts';
import { asActor, findTenant, onBehalfOf } from './operator.ts';
import type { createUserAdmin, UserAdminDeps, UserOfTenant } from './users.ts';

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

/** The second factors of a user, as operators see them. */
export type UserFactors = {
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
    const { id: userId, locale, senderEmail, confirmUrl } = user;
    const { kind, address } = first;
    if (first.confirmedAt === undefined) {
      const order = { kind, address, userId, userLocale: locale, senderEmail, confirmUrl };
      return await sendConfirmation(deps, repositories, context, order);
    }
    await sendOutOfBand(repositories, recoveryProof(deps, context, { userId, locale, senderEmail }, first));
  }

  return {
    async create(operator: Operator, command: CreateUserCommand): Promise<UserView> {
      const tenant = await findTenant(store, command.tenant);
      const { user, identifiers } = parse(tenant, command, deps.random.uuid(), clock());
      try {
        return await store.transaction(async (repositories) => {
          const { users, audit } = repositories;
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
          const subject = { userId: user.id };
          await audit.add(auditEvent(deps, asActor(operator, tenant), 'create-user', 'success', subject));
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

    /** Ends one session, or with an empty id all of them; returns how many ended. */
    async endSessions(
      operator: Operator,
      reference: UserOfTenant & { readonly sessionId: string },
    ): Promise<number> {
      const { tenant, view } = await find(reference);
      const { tenantId, id: userId } = view.user;
      const { sessionId } = reference;
      if (sessionId !== '' && !isUuid(sessionId)) throw new DomainError('NOT_FOUND');
      return await store.transaction(async ({ sessions, challenges, audit }) => {
        // A second step that is under way ends first, so that it opens no session behind this.
        if (sessionId === '') await challenges.killAll(tenantId, userId);
        const ended =
          sessionId === ''
            ? await sessions.revokeOthers(tenantId, userId, undefined, clock())
            : Number(await sessions.revoke(tenantId, userId, sessionId, clock()));
        if (sessionId !== '' && ended === 0) throw new DomainError('NOT_FOUND');
        const subject = { userId, ...(sessionId === '' ? {} : { sessionId }) };
        await audit.add(auditEvent(deps, asActor(operator, tenant), 'end-user-sessions', 'success', subject));
        return ended;
      });
    },

    async factorsOf(reference: UserOfTenant): Promise<UserFactors> {
      const { tenantId, id } = (await find(reference)).view.user;
      const { totp, smsNumber } = await store.factors.find(tenantId, id);
      return {
        totp,
        maskedPhoneNumber: smsNumber === undefined ? '' : maskMobile(smsNumber),
        recoveryCodesLeft: await store.factors.countRecoveryCodes(tenantId, id),
        password: (await store.users.findPasswordHash(tenantId, id)) !== undefined,
      };
    },

    async resetFactors(operator: Operator, reference: UserOfTenant): Promise<UserView> {
      const { tenant, view } = await find(reference);
      const { tenantId, id: userId } = view.user;
      await store.transaction(async (repositories) => {
        const { factors, challenges, sessions, guesses, audit } = repositories;
        await factors.hold(tenantId, userId);
        await factors.remove(tenantId, userId, 'totp');
        await factors.remove(tenantId, userId, 'sms');
        await factors.replaceRecoveryCodes(tenantId, userId, []);
        await guesses.reset(tenantId, { kind: 'second-factor', subject: userId });
        await challenges.killAll(tenantId, userId);
        await sessions.revokeOthers(tenantId, userId, undefined, clock());
        await tellUser(deps, repositories, onBehalfOf(tenant), view, 'two-factor-changed');
        await audit.add(
          auditEvent(deps, asActor(operator, tenant), 'reset-user-factors', 'success', { userId }),
        );
      });
      return view;
    },
  };
}

/** Reads the command; everything that is wrong with it is told at once. */
function parse({ id: tenantId, policy }: Tenant, command: CreateUserCommand, id: string, now: Date) {
  const violations = createViolations();
  const { collect, add } = violations;
  const email = command.email === '' ? undefined : collect(() => parseEmail(command.email));
  const mobile = command.mobile === '' ? undefined : collect(() => parseMobile(command.mobile, '', policy));
  if (command.email === '' && command.mobile === '') add('email', 'FIELD_REQUIRED');
  const firstName = collect(() => parseName(command.firstName, 'first_name')) ?? '';
  const lastName = collect(() => parseName(command.lastName, 'last_name')) ?? '';
  const locale = command.locale === '' ? policy.defaultLocale : parseLocale(command.locale);
  if (locale === undefined) add('locale', 'FIELD_INVALID');
  if (command.roles.some((role) => !Object.hasOwn(policy.roles, role))) add('roles', 'ROLE_UNKNOWN');
  violations.refuse();
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
