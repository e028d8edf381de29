import type { Operator } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { isLocale, type Locale } from '../../domain/locale.ts';
import type { DeliveryStatus, Message, OutboxRow } from '../../domain/message.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import {
  type EmailName,
  emailTemplates,
  emailWords,
  renderEmail,
  renderSms,
  type SmsName,
  smsTemplates,
  smsWords,
} from '../../domain/templates/index.ts';
import { withLogo } from '../../domain/templates/mail-page.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { themeOf } from '../../domain/theme.ts';
import { isUuid } from '../../domain/token.ts';
import type { Vault } from '../../domain/vault.ts';
import { record } from '../events/record.ts';
import { asActor, createPages, findTenant, type PageRequest } from '../manage/manager.ts';

export type MessageAdminDeps = {
  readonly store: Store<'outbox' | 'tenants' | 'events'>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** Sample values of a preview. */
const sample = {
  code: '123456',
  token: 'sample-token',
  to: 'user@example.com',
  device: 'Firefox on Linux',
  address: '203.0.113.7',
  number: '+989120000000',
};

/** Operations on messages. None shows a text or a recipient. */
export function createMessageAdmin(deps: MessageAdminDeps) {
  const { store, vault, clock } = deps;
  const pages = createPages(vault);

  async function end(
    operator: Operator,
    id: string,
    type: 'message.retried' | 'message.dropped',
    work: (outbox: Repositories['outbox']) => Promise<boolean>,
  ): Promise<OutboxRow> {
    const found = isUuid(id) ? await store.outbox.find(id) : undefined;
    if (found === undefined) throw new DomainError('NOT_FOUND');
    return await store.transaction(async (repositories) => {
      const { outbox } = repositories;
      if (!(await work(outbox))) throw new DomainError('MESSAGE_ENDED');
      const actor = { ...asActor(operator), tenant: { id: found.tenantId } };
      await record(repositories, deps, actor, { type, details: { message: id } });
      return (await outbox.find(id)) ?? found;
    });
  }

  return {
    async list(
      request: PageRequest & { readonly tenant: string; readonly status: DeliveryStatus | undefined },
    ): Promise<{ messages: OutboxRow[]; nextPageToken: string }> {
      const tenantId = request.tenant === '' ? undefined : (await findTenant(store, request.tenant)).id;
      const { status } = request;
      const list = `messages ${tenantId ?? ''} ${status ?? ''}`;
      const { after, size } = pages.parse(list, request);
      const rows = await store.outbox.list({ tenantId, status, afterId: after }, size + 1);
      const messages = rows.slice(0, size);
      const last = rows.length > size ? messages.at(-1)?.id : undefined;
      return { messages, nextPageToken: pages.next(list, last) };
    },

    retry: (operator: Operator, id: string) =>
      end(operator, id, 'message.retried', (outbox) => outbox.requeue(id, clock())),

    drop: (operator: Operator, id: string) =>
      end(operator, id, 'message.dropped', (outbox) => outbox.drop(id, clock())),

    listTemplates: () => ({ emails: Object.keys(emailTemplates), sms: Object.keys(smsTemplates) }),

    async preview(command: {
      readonly tenant: string;
      readonly name: string;
      readonly locale: string;
    }): Promise<{ message: Message; overridden: boolean }> {
      const tenant = await findTenant(store, command.tenant);
      const locale = command.locale === '' ? tenant.policy.defaultLocale : command.locale;
      if (!isLocale(locale)) throw invalid({ field: 'locale', reason: 'FIELD_INVALID' });
      const message = render(tenant, command.name, locale);
      if (message === undefined) throw new DomainError('NOT_FOUND');
      return { message, overridden: tenant.policy.templates[command.name]?.[locale] !== undefined };
    },
  };
}

/** A message with sample variables; undefined where there is none of that name. */
function render({ name: tenant, policy }: Tenant, name: string, locale: Locale): Message | undefined {
  const { templates, senders, pages } = policy;
  if (Object.hasOwn(emailTemplates, name)) {
    const words = emailWords(templates, name as EmailName, locale);
    const link = words.action === '' ? '' : `${pages.confirm}?token=${sample.token}`;
    const code = words.action === '' ? '' : sample.token;
    const recipient = { to: sample.to, from: senders.default };
    const variables = { tenant, link, code, device: sample.device, address: sample.address };
    const mail = renderEmail(words, locale, recipient, variables, themeOf(policy.branding));
    return { ...mail, html: withLogo(mail.html, policy.branding.logo) };
  }
  if (!Object.hasOwn(smsTemplates, name)) return undefined;
  const words = smsWords(templates, name as SmsName, locale);
  return renderSms(words, locale, sample.number, { tenant, link: '', code: sample.code });
}
