import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import type { AuditAction } from '../../domain/events.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import { auditEvent } from '../audit.ts';
import { composeNotice } from '../messages.ts';
import { signInCounters } from '../password-check.ts';

/**
 * What every change of a password does, in its transaction: the new hash, the counters
 * of wrong passwords, the end of all other sessions and of all that is outstanding, the
 * notice and the audit line (R19, R46).
 */
export async function replacePassword(
  deps: { readonly clock: Clock; readonly random: Random },
  {
    users,
    guesses,
    sessions,
    challenges,
    outbox,
    audit,
  }: Pick<Repositories, 'users' | 'guesses' | 'sessions' | 'challenges' | 'outbox' | 'audit'>,
  caller: Caller,
  { user, email, mobile }: UserView,
  passwordHash: string,
  action: AuditAction,
): Promise<void> {
  const { tenantId, id: userId, locale: userLocale, senderEmail } = user;
  const now = deps.clock();
  await users.updatePasswordHash(tenantId, userId, passwordHash);
  const own = { kind: 'reauthentication', subject: userId } as const;
  await guesses.reset(tenantId, own, ...signInCounters(userId, caller));
  // First what could still become a session: a second step that is under way holds its row.
  await challenges.killAll(tenantId, userId);
  await sessions.revokeOthers(tenantId, userId, caller.session?.id, now);
  for (const told of [email, mobile]) {
    if (told?.confirmedAt === undefined) continue;
    const to = { kind: told.kind, address: told.address, userLocale, senderEmail };
    await outbox.add(composeNotice(deps, caller, to, 'password-changed'));
  }
  await audit.add(auditEvent(deps, caller, action, 'success', { userId }));
}
