import { parseBirthday } from '../../domain/birthday.ts';
import { type Caller, managerOf } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { parseEmail } from '../../domain/email.ts';
import { createViolations, DomainError } from '../../domain/errors.ts';
import { assertCredentials, assertFresh } from '../../domain/freshness.ts';
import type { ParsedIdentifier } from '../../domain/identifier.ts';
import { parseLocale } from '../../domain/locale.ts';
import { parseMobile } from '../../domain/mobile.ts';
import {
  type Json,
  type ProfileField,
  parseCustomFields,
  parseProfileText,
  profileFields,
} from '../../domain/profile.ts';
import type { Random } from '../../domain/random.ts';
import { DuplicateError, type Store } from '../../domain/repositories.ts';
import type { UserChanges, UserView } from '../../domain/user.ts';
import { type AccessStores, endAccess } from '../after-change.ts';
import type { MessageCharge } from '../charges.ts';
import { record } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { composeNotice, recipientOf } from '../messages.ts';
import type { StartChange } from './change-identifier.ts';
import { targetOf } from './target.ts';

export type EditUserDeps = {
  readonly store: Store<AccessStores | 'users' | 'accountChanges' | 'outbox' | 'events' | 'idempotency'>;
  readonly startChange: StartChange;
  readonly chargeMessage: MessageCharge;
  readonly clock: Clock;
  readonly random: Random;
};

/** The requested changes: fields that are defined. */
export type EditUserCommand = {
  readonly [F in ProfileField]: string | undefined;
} & {
  readonly userId: string;
  readonly email: string;
  readonly mobile: string;
  readonly mobileSeed: string;
  readonly birthday: string | undefined;
  readonly locale: string | undefined;
  readonly customFields: Json | undefined;
  readonly role: string | undefined;
  /** All roles, in place of `role`; absent: none is said. */
  readonly roles?: readonly string[];
};

/**
 * Changes the fields of a user that are sent, all of them or none. The address and the
 * number are no such fields: another one starts its verified change for a session, and
 * for a secret key replaces the old one, unconfirmed.
 */
export function createEditUser(deps: EditUserDeps) {
  const { store, startChange, chargeMessage, clock } = deps;
  return async function editUser(caller: Caller, command: EditUserCommand): Promise<{ userId: string }> {
    if (command.role !== undefined && caller.session !== undefined) throw new DomainError('ROLE_DENIED');
    const tenantId = caller.tenant.id;
    const { changes, identifiers } = parse(caller, command, clock());
    const byKey = caller.session === undefined;
    const reference = byKey ? command : { email: '', userId: command.userId };
    const target = await targetOf(store, caller, reference);
    const view = caller.session?.holder ?? (await store.users.findById(tenantId, target));
    if (view === undefined) throw new DomainError('NOT_FOUND');
    const { id: userId } = view.user;

    const moved = identifiers.filter(({ kind, canonical }) => heldOf(view, kind)?.canonical !== canonical);
    // Another address or number opens the account to its owner.
    if (moved.length > 0)
      if (byKey) assertCredentials(managerOf(caller));
      else assertFresh(caller.session, clock());
    // Before the edit, whose transaction keeps the answer: an answer promises all of it.
    for (const identifier of byKey ? [] : moved) {
      await chargeMessage(caller);
      await startChange({ ...caller, idempotency: undefined }, view, identifier);
    }
    try {
      await store.transaction(async (repositories) => {
        // Erased after they were read.
        if (!(await repositories.users.lock(tenantId, userId))) throw new DomainError('NOT_FOUND');
        // A role opens more than the account: no password opens it that was set before a proof (R71).
        if (byKey && changes.roles !== undefined && changes.roles.length > 0)
          await repositories.users.adopt(tenantId, userId);
        if (Object.keys(changes).length > 0) await repositories.users.update(tenantId, userId, changes);
        if (byKey) {
          for (const identifier of moved) {
            await repositories.users.releaseClaim(tenantId, identifier, userId, 'claimed');
            await repositories.users.replaceIdentifier(tenantId, {
              ...identifier,
              userId,
              confirmedAt: undefined,
              addedAt: clock(),
            });
            // The tenant has decided: links of earlier notices must not undo it.
            await repositories.accountChanges.forget(tenantId, userId, identifier.kind);
            const event = { type: 'identifier.changed', userId, details: { kind: identifier.kind } } as const;
            await record(repositories, deps, caller, event);
            await endAccess(deps, repositories, caller, view.user, undefined);
            const old = heldOf(view, identifier.kind);
            if (old?.confirmedAt === undefined) continue;
            const notice = composeNotice(deps, caller, recipientOf(view.user, old), 'identifier-changed');
            await repositories.outbox.add(notice);
          }
        }
        await record(repositories, deps, caller, { type: 'user.updated', userId });
        if (changes.roles !== undefined)
          await record(repositories, deps, caller, { type: 'user.roles_changed', userId });
        await rememberResult(repositories, caller, { userId });
      });
    } catch (error) {
      throw error instanceof DuplicateError ? new DomainError('IDENTIFIER_TAKEN') : error;
    }
    return { userId };
  };
}

function heldOf(view: UserView, kind: ParsedIdentifier['kind']) {
  return kind === 'email' ? view.email : view.mobile;
}

/** Parses the command; one error reports all violations. */
function parse(
  { tenant }: Caller,
  command: EditUserCommand,
  now: Date,
): { changes: UserChanges; identifiers: ParsedIdentifier[] } {
  const violations = createViolations();
  const { collect } = violations;
  const changes: { -readonly [name in keyof UserChanges]: UserChanges[name] } = {};
  for (const field of profileFields) {
    const value = command[field];
    if (value !== undefined) changes[field] = collect(() => parseProfileText(field, value)) ?? '';
  }
  const {
    birthday,
    locale,
    customFields,
    role,
    roles = role === undefined || role === '' ? [] : [role],
  } = command;
  if (birthday !== undefined) {
    const parsed = collect(() => parseBirthday(birthday, now));
    changes.birthday = parsed?.text ?? '';
    changes.birthdayGregorian = parsed?.gregorian;
  }
  if (locale !== undefined) {
    const known = parseLocale(locale);
    if (known === undefined) violations.add('locale', 'FIELD_INVALID');
    else changes.locale = known;
  }
  if (customFields !== undefined) changes.customFields = collect(() => parseCustomFields(customFields)) ?? [];
  if (role !== undefined || command.roles !== undefined) {
    const isUnknown = (each: string) => !Object.hasOwn(tenant.policy.roles, each);
    if (roles.some(isUnknown)) violations.add(role === undefined ? 'roles' : 'role', 'ROLE_UNKNOWN');
    changes.roles = [...new Set(roles)];
  }

  const identifiers: ParsedIdentifier[] = [];
  if (command.email !== '') {
    const email = collect(() => parseEmail(command.email));
    if (email !== undefined) identifiers.push({ kind: 'email', ...email });
  }
  if (command.mobile !== '') {
    const mobile = collect(() => parseMobile(command.mobile, command.mobileSeed, tenant.policy));
    if (mobile !== undefined) identifiers.push({ kind: 'mobile', ...mobile });
  }
  violations.throwIfAny();
  return { changes, identifiers };
}
