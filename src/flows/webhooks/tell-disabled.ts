import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import type { MemberRole } from '../../domain/member.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { manamSlug, type Tenant } from '../../domain/tenant.ts';
import type { Webhook } from '../../domain/webhook.ts';
import { composeEmail, recipientOf } from '../messages.ts';

export type TellDisabledDeps = {
  /** The page of the console that shows a webhook, of a tenant by its slug. */
  readonly webhookPage: (slug: string, id: string) => string;
  readonly clock: Clock;
  readonly random: Random;
};

/** The roles that may enable it again. */
const told: readonly MemberRole[] = ['developer', 'admin', 'owner'];
const lifetimeMs = 3 * dayMs;

/** Notifies the team of a tenant that failures have disabled a webhook, in the transaction that disables it. */
export async function tellDisabled(
  { tenants, members, users, outbox }: Pick<Repositories, 'tenants' | 'members' | 'users' | 'outbox'>,
  { webhookPage, ...deps }: TellDisabledDeps,
  tenant: Tenant,
  { id, url }: Pick<Webhook, 'id' | 'url'>,
): Promise<void> {
  const manam = await tenants.findBySlug(manamSlug);
  if (manam === undefined) return;
  // As its invitations do, it comes from Manam, and names a confined tenant by its slug.
  const context = {
    tenant: { ...manam, name: tenant.confined ? tenant.slug : tenant.name },
    locale: undefined,
  };
  for (const { userId, role } of await members.list(tenant.id)) {
    const view = told.includes(role) ? await users.findById(manam.id, userId) : undefined;
    if (view?.user.status !== 'active' || view.email?.confirmedAt === undefined) continue;
    const order = {
      template: 'webhook-disabled',
      link: webhookPage(tenant.slug, id),
      code: '',
      about: { device: '', address: new URL(url).host },
      lifetimeMs,
    } as const;
    await outbox.add(composeEmail(deps, context, recipientOf(view.user, view.email), order));
  }
}
