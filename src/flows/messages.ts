import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { dayMs } from '../domain/duration.ts';
import type { HeldIdentifier } from '../domain/identifier.ts';
import { isLocale, type Locale } from '../domain/locale.ts';
import type { Message, OutboxEntry } from '../domain/message.ts';
import type { TenantPolicy } from '../domain/policy.ts';
import type { Random } from '../domain/random.ts';
import type { Repositories } from '../domain/repositories.ts';
import {
  type EmailName,
  emailWords,
  renderEmail,
  renderSms,
  type SmsName,
  smsWords,
} from '../domain/templates/index.ts';
import { themeOf } from '../domain/theme.ts';
import type { User, UserView } from '../domain/user.ts';

export type MessageDeps = { readonly clock: Clock; readonly random: Random };

/** On whose behalf a message is written, and the language that was asked for. */
export type MessageContext = Pick<Caller, 'tenant' | 'locale'>;

/** The recipient of a message: a stored address or number, never the submitted string (R39). */
export type Recipient = Pick<HeldIdentifier, 'kind' | 'address'> & {
  /** The language of the user; empty where they have none yet. */
  readonly userLocale: string;
  /** One of the tenant's senders; empty for its default. */
  readonly senderEmail: string;
};

/** What a notice is about, beside the tenant. */
export type NoticeSubject = { readonly device: string; readonly address: string };

export type EmailOrder = {
  readonly template: EmailName;
  /** The full link; empty for a message without one. */
  readonly link: string;
  /** The one-time code or token; empty for a message without one. */
  readonly code: string;
  /** Default: it is about no device. */
  readonly about?: NoticeSubject;
  /** Lifetime of the message. */
  readonly lifetimeMs: number;
};

export type SmsOrder = {
  readonly template: SmsName;
  /** The full link. Default: a message without one. */
  readonly link?: string;
  readonly code: string;
  readonly lifetimeMs: number;
};

/** The notices to a user, by e-mail or by SMS, without a code. */
export type Notice =
  | 'account-exists'
  | 'identifier-changed'
  | 'account-deleted'
  | 'changes-undone'
  | 'account-locked'
  | 'password-changed'
  | 'two-factor-changed'
  | 'passkeys-changed'
  | 'recovery-code-used'
  | 'identity-linked';

/** The language of a message: what the call asks for, else the user's, else the tenant's. */
export function messageLocale(caller: MessageContext, userLocale = ''): Locale {
  return caller.locale ?? (isLocale(userLocale) ? userLocale : caller.tenant.policy.defaultLocale);
}

function entryOf(
  { clock, random }: MessageDeps,
  caller: MessageContext,
  message: Message,
  lifetimeMs: number,
): OutboxEntry {
  const createdAt = clock();
  const expiresAt = new Date(createdAt.getTime() + lifetimeMs);
  return { id: random.uuid(), tenantId: caller.tenant.id, message, createdAt, expiresAt };
}

/** The sender that was asked for once, as long as it is one of the tenant's; else its default. */
export function senderFor({ senders }: TenantPolicy, wanted: string): string {
  return senders.addresses.includes(wanted) ? wanted : senders.default;
}

/** Renders an e-mail into an outbox entry. */
export function composeEmail(
  deps: MessageDeps,
  caller: MessageContext,
  to: Recipient,
  order: EmailOrder,
): OutboxEntry {
  const locale = messageLocale(caller, to.userLocale);
  const { template, link, code, about, lifetimeMs } = order;
  const message = renderEmail(
    emailWords(caller.tenant.policy.templates, template, locale),
    locale,
    { to: to.address, from: senderFor(caller.tenant.policy, to.senderEmail) },
    { tenant: caller.tenant.name, link, code, ...about },
    themeOf(caller.tenant.policy.branding),
  );
  return entryOf(deps, caller, message, lifetimeMs);
}

/** Renders an SMS into an outbox entry. */
export function composeSms(
  deps: MessageDeps,
  caller: MessageContext,
  to: Recipient,
  order: SmsOrder,
): OutboxEntry {
  const locale = messageLocale(caller, to.userLocale);
  const variables = { tenant: caller.tenant.name, link: order.link ?? '', code: order.code };
  const words = smsWords(caller.tenant.policy.templates, order.template, locale);
  const message = renderSms(words, locale, to.address, variables);
  return entryOf(deps, caller, message, order.lifetimeMs);
}

/** Renders a notice for whichever way the recipient is reached. */
export function composeNotice(
  deps: MessageDeps,
  caller: MessageContext,
  to: Recipient,
  notice: Notice,
): OutboxEntry {
  if (to.kind === 'mobile')
    return composeSms(deps, caller, to, { template: `${notice}-sms`, code: '', lifetimeMs: dayMs });
  return composeEmail(deps, caller, to, { template: notice, link: '', code: '', lifetimeMs: dayMs });
}

/** The recipient of a message to one of a user's identifiers. */
export function recipientOf(
  { locale, senderEmail }: Pick<User, 'locale' | 'senderEmail'>,
  { kind, address }: Pick<HeldIdentifier, 'kind' | 'address'>,
): Recipient {
  return { kind, address, userLocale: locale, senderEmail };
}

/** Sends a notice to every confirmed identifier of a user (R46). */
export async function notifyUser(
  deps: MessageDeps,
  { outbox }: Pick<Repositories, 'outbox'>,
  context: MessageContext,
  { user, email, mobile }: UserView,
  notice: Notice,
): Promise<void> {
  for (const held of [email, mobile]) {
    if (held?.confirmedAt === undefined) continue;
    await outbox.add(composeNotice(deps, context, recipientOf(user, held), notice));
  }
}
