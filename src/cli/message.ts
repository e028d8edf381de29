import { writeFileSync } from 'node:fs';
import { Option } from 'commander';
import {
  ListMessagesResponseSchema,
  ListTemplatesResponseSchema,
  MessageState,
  type OutboxMessage,
  PreviewTemplateResponseSchema,
  RetryMessageResponseSchema,
} from '../../gen/manam/admin/v1/admin_service_pb.js';
import { say } from '../composition/terminal.ts';
import { assertWanted, describeEnum, describeTime, sayJson, sayTable } from './common.ts';
import { type Cli, type Destructive, destructive, type Output, printing } from './context.ts';

const states = {
  queued: MessageState.QUEUED,
  sent: MessageState.SENT,
  dead: MessageState.DEAD,
  dropped: MessageState.DROPPED,
} as const;

type ListOptions = Output & {
  readonly tenant: string;
  readonly state?: keyof typeof states;
  readonly pageSize: number;
  readonly pageToken: string;
};

function showMessages(messages: readonly OutboxMessage[]): void {
  sayTable(
    ['ID', 'CHANNEL', 'STATE', 'ATTEMPTS', 'QUEUED', 'NEXT', 'EXPIRES', 'ERROR'],
    messages.map((each) => [
      each.messageId,
      each.channel,
      describeEnum(MessageState, each.state),
      String(each.attempts),
      describeTime(each.createTime),
      describeTime(each.nextAttemptTime),
      describeTime(each.expireTime),
      each.error || '-',
    ]),
  );
}

/** `manam outbox …` */
export function addOutboxCommands({ program, admin }: Cli): void {
  const outbox = program.command('outbox').description('messages on their way out');

  printing(
    outbox
      .command('list')
      .description('list messages, without what they say and whom they go to')
      .option('--tenant <tenant>', 'only those of a tenant, by slug or id', '')
      .addOption(new Option('--state <state>', 'only those in a state').choices(Object.keys(states)))
      .option('--page-size <count>', 'at most that many', Number, 100)
      .option('--page-token <token>', 'the next_page_token of the page before', ''),
    'outbox list --state dead',
  ).action((options: ListOptions) =>
    admin('keys', async (client) => {
      const { tenant, state, pageSize, pageToken } = options;
      const wanted = state === undefined ? MessageState.UNSPECIFIED : states[state];
      const answer = await client.listMessages({ tenant, state: wanted, pageSize, pageToken });
      if (options.json) return sayJson(ListMessagesResponseSchema, answer);
      showMessages(answer.messages);
      if (answer.nextPageToken !== '') say(`more: --page-token ${answer.nextPageToken}`);
    }),
  );

  printing(
    outbox.command('retry <message-id>').description('try a waiting or given-up message again at once'),
    'outbox retry 0198f0c2-…',
  ).action((messageId: string, options: Output) =>
    admin('keys', async (client) => {
      const answer = await client.retryMessage({ messageId });
      if (options.json) sayJson(RetryMessageResponseSchema, answer);
      else if (answer.message !== undefined) showMessages([answer.message]);
    }),
  );

  destructive(
    printing(outbox.command('drop <message-id>').description('give a message up'), 'outbox drop 0198f0c2-…'),
  ).action((messageId: string, options: Output & Destructive) =>
    admin('keys', async (client) => {
      await assertWanted(`Drop ${messageId}? It is never sent then.`, options.yes);
      const { message } = await client.dropMessage({ messageId });
      const $typeName = 'manam.admin.v1.RetryMessageResponse' as const;
      if (options.json) sayJson(RetryMessageResponseSchema, { $typeName, ...(message && { message }) });
      else if (message !== undefined) showMessages([message]);
    }),
  );
}

/** `manam template …` */
export function addTemplateCommands({ program, admin }: Cli): void {
  const template = program.command('template').description('the words of messages');

  printing(template.command('list').description('list all messages by name'), 'template list').action(
    (options: Output) =>
      admin('keys', async (client) => {
        const answer = await client.listTemplates({});
        if (options.json) return sayJson(ListTemplatesResponseSchema, answer);
        sayTable(
          ['NAME', 'CHANNEL'],
          [...answer.emails.map((name) => [name, 'email']), ...answer.sms.map((name) => [name, 'sms'])],
        );
      }),
  );

  printing(
    template
      .command('preview <name>')
      .description("show a message as a tenant's users get it")
      .requiredOption('--tenant <tenant>', 'the tenant, by slug or id')
      .option('--locale <locale>', "en or fa; default: the tenant's", '')
      .option('--html <file>', 'write the page of an e-mail to a file'),
    'template preview confirm-email --locale fa --tenant dev --html preview.html',
  ).action(
    (
      name: string,
      options: Output & { readonly tenant: string; readonly locale: string; readonly html?: string },
    ) =>
      admin('keys', async (client) => {
        const { tenant, locale, html } = options;
        const answer = await client.previewTemplate({ tenant, name, locale });
        if (html !== undefined) writeFileSync(html, answer.html);
        if (options.json) return sayJson(PreviewTemplateResponseSchema, answer);
        const whose = answer.overridden ? "the tenant's own words" : 'the words that come with Manam';
        say(`${answer.channel}, ${answer.locale}, ${whose}\n`);
        if (answer.subject !== '') say(`${answer.subject}\n`);
        say(answer.text);
      }),
  );
}
