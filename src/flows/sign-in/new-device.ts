import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { describeDevice, parseDevice } from '../../domain/device.ts';
import { dayMs } from '../../domain/duration.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { SessionRow } from '../../domain/session.ts';
import type { SessionAccount } from '../../domain/user.ts';
import { linkByEmail, send } from '../challenges/send.ts';
import { messageLocale, recipientOf } from '../messages.ts';

export type NewDeviceDeps = {
  readonly clock: Clock;
  readonly random: Random;
  /** The hosted page of a sign-in that its owner does not know, for a tenant that names no other. */
  readonly reportPage: (slug: string) => string;
};

/** The first sign-in of an account that is younger is its owner's, who has just made it. */
const newAccountMs = dayMs;
/** Lifetime of the link. */
const lifetimeMs = 7 * dayMs;

/**
 * Tells the owner of an account by e-mail about a session on a device that the account has not been used on, in
 * the transaction of the session. The link leads to a page whose button ends every session of the account.
 */
export async function noticeNewDevice(
  deps: NewDeviceDeps,
  repositories: Pick<Repositories, 'challenges' | 'outbox'>,
  caller: Caller,
  { user, email, history }: SessionAccount,
  session: Pick<SessionRow, 'id' | 'createdAt'>,
): Promise<void> {
  const { tenant, client } = caller;
  if (!tenant.policy.newSignInNotice || email?.confirmedAt === undefined) return;
  const age = session.createdAt.getTime() - user.createdAt.getTime();
  const isFirst = !history.hasSessions && age < newAccountMs;
  // Sessions of version 0.1.0 know no device: they tell nothing of this one.
  const isUntold = history.hasSessions && !history.hasDevices;
  if (isFirst || isUntold || history.isKnownDevice) return;
  const to = recipientOf(user, email);
  const locale = messageLocale(caller, user.locale);
  const unknown = locale === 'fa' ? 'ناشناخته' : 'unknown';
  const device = describeDevice(parseDevice(client.userAgent), locale) || unknown;
  const link = linkByEmail(deps, caller, to, {
    userId: user.id,
    purpose: 'sign-in-report',
    template: 'new-sign-in',
    page: tenant.policy.pages.reportSignIn || deps.reportPage(tenant.slug),
    parameter: 'token',
    about: { device, address: client.address || unknown },
    lifetimeMs,
  });
  const challenge = { ...link.challenge, data: Buffer.from(session.id) };
  await send(repositories, { ...link, challenge });
}
