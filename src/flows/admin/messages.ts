import type { Operator } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { isLocale } from '../../domain/locale.ts';
import type { DeliveryStatus, Message, OutboxRow } from '../../domain/message.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { emailTemplates, smsTemplates } from '../../domain/templates/index.ts';
import { previewMessage } from '../../domain/templates/preview.ts';
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
      const message = previewMessage(tenant, command.name, locale);
      if (message === undefined) throw new DomainError('NOT_FOUND');
      return { message, overridden: tenant.policy.templates[command.name]?.[locale] !== undefined };
    },
  };
}
