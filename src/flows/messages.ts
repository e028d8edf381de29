import type { Caller } from '../domain/caller.ts';
import { isLocale, type Locale } from '../domain/locale.ts';
import type { Clock, OutboxEntry, Random } from '../domain/ports.ts';
import { renderEmail, templates } from '../domain/templates/index.ts';

export type MessageDeps = { readonly clock: Clock; readonly random: Random };

export type EmailOrder = {
  readonly template: keyof typeof templates;
  /** The stored address, never the submitted string (R39). */
  readonly to: string;
  /** One of the tenant's senders. */
  readonly from: string;
  readonly locale: Locale;
  /** The tenant's page that the link leads to; empty for a message without a link. */
  readonly page: string;
  /** The name and the value of the link's parameter. */
  readonly parameter?: { readonly name: string; readonly token: string };
  /** How long the message makes sense. */
  readonly lifetimeMs: number;
};

/** A link to one of the tenant's pages, made of its configuration alone (R37). */
function linkTo(page: string, parameter: EmailOrder['parameter']): string {
  if (page === '' || parameter === undefined) return '';
  const url = new URL(page);
  url.searchParams.set(parameter.name, parameter.token);
  return url.href;
}

/** The language of a message: what the call asks for, else the user's, else the tenant's. */
export function messageLocale(caller: Caller, userLocale?: string): Locale {
  if (caller.locale !== undefined) return caller.locale;
  return userLocale !== undefined && isLocale(userLocale) ? userLocale : caller.tenant.policy.defaultLocale;
}

/** Renders an e-mail into an outbox entry. */
export function composeEmail({ clock, random }: MessageDeps, caller: Caller, order: EmailOrder): OutboxEntry {
  const now = clock();
  const link = linkTo(order.page, order.parameter);
  return {
    id: random.uuid(),
    tenantId: caller.tenant.id,
    message: renderEmail(
      templates[order.template][order.locale],
      order.locale,
      { to: order.to, from: order.from },
      { tenant: caller.tenant.name, link, code: order.parameter?.token ?? '' },
    ),
    createdAt: now,
    expiresAt: new Date(now.getTime() + order.lifetimeMs),
  };
}
