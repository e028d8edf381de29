import { toJson } from '@bufbuild/protobuf';
import { durationFromMs, timestampDate } from '@bufbuild/protobuf/wkt';
import { type Command, Option } from 'commander';
import {
  type Event,
  EventSchema,
  ExplainSessionResponseSchema,
} from '../../gen/manam/v1/event_service_pb.js';
import {
  CreateWebhookResponseSchema,
  GetWebhookDeliveryResponseSchema,
  ListWebhookDeliveriesResponseSchema,
  ListWebhooksResponseSchema,
  UpdateWebhookResponseSchema,
  type Webhook,
} from '../../gen/manam/v1/webhook_service_pb.js';
import type { Manam } from '../composition/tenant-client.ts';
import { say } from '../composition/terminal.ts';
import { assertWanted, describeTime, sayJson, sayTable } from './common.ts';
import { type Destructive, destructive, type Output, printing, repeated } from './context.ts';

type Access = { readonly url?: string; readonly key?: string };
type Filtered = Access & Output & { readonly type?: readonly string[]; readonly after: string };

/** The context of the commands of a tenant. */
export type TenantCli = {
  readonly program: Command;
  /** Runs a command against the public services, with a secret key. */
  tenant(access: Access, work: (manam: Manam) => Promise<void>): Promise<void>;
};

/** A command of a tenant: it goes to the public address, not to the admin service. */
function ofTenant(command: Command, example: string): Command {
  return printing(command, example)
    .option('--url <url>', 'the service; default: MANAM_URL, or the development service on this machine')
    .option('--key <key>', 'a secret key; default: MANAM_KEY, or that of the development tenant');
}

/** One event: a JSON document in the names of the contract for programs, tab-separated columns for people. */
function tellEvent(event: Event, json: boolean): void {
  const { createTime, position, type, outcome, reason, userId, sessionId, details, cursor } = event;
  const names = Object.entries(details).map(([name, value]) => `${name}=${value}`);
  const columns = [
    createTime === undefined ? '-' : timestampDate(createTime).toISOString(),
    String(position),
    type,
    reason || outcome,
    userId || '-',
    sessionId || '-',
    names.join(' ') || '-',
    cursor,
  ];
  const options = { useProtoFieldName: true, alwaysEmitImplicit: true };
  say(json ? JSON.stringify(toJson(EventSchema, event, options)) : columns.join('\t'));
}

/** `manam events …` */
export function addEventCommands({ program, tenant }: TenantCli): void {
  const events = program.command('events').description("a tenant's own log of events, with its secret key");
  const filtered = (command: Command, example: string) =>
    ofTenant(command, example)
      .option('--type <type>', 'only these types, or types that begin so, such as session.', repeated)
      .option('--after <cursor>', 'only events after this cursor', '');

  filtered(
    events.command('list').description('list events, the oldest first'),
    'events list --type session.',
  ).action((options: Filtered) =>
    tenant(options, async (manam) => {
      for (let after = options.after; ; ) {
        const page = await manam.events.listEvents({ after, types: [...(options.type ?? [])], limit: 500 });
        for (const event of page.events) tellEvent(event, options.json);
        after = page.nextCursor;
        if (!page.hasMore) return;
      }
    }),
  );

  filtered(
    events.command('follow').description('print events as they happen, until a signal'),
    'events follow --json',
  ).action((options: Filtered) =>
    tenant(options, async (manam) => {
      const { followEvents, readFailure } = await import('../composition/tenant-client.ts');
      const stopping = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
      const onCut = (error: unknown, retryInMs: number) =>
        process.stderr.write(
          `cut: ${readFailure(error).message}; again in ${Math.ceil(retryInMs / 1000)} s
`,
        );
      const query = { after: options.after, types: options.type ?? [], signal: stopping.signal, onCut };
      for await (const { event } of followEvents(manam, query))
        if (event !== undefined) tellEvent(event, options.json);
    }),
  );
}

const columnNames = ['ID', 'STATE', 'FAILS SINCE', 'TYPES', 'URL'];
const columnsOf = ({ webhookId, url, types, state, disabledReason, failingSinceTime }: Webhook) => [
  webhookId,
  disabledReason === '' ? state : `${state} (${disabledReason})`,
  describeTime(failingSinceTime),
  types.join(' ') || 'all',
  url,
];

/** `manam session …` */
export function addSessionCommands({ program, tenant }: TenantCli): void {
  const session = program.command('session').description("sessions of a tenant's users, with its secret key");
  ofTenant(
    session
      .command('explain [session-id]')
      .description('say how a session began and why it ended, or why a call was refused, out of the log')
      .option('--user <user-id>', 'the user, for a call that was made without a session')
      .option('--request <request-id>', 'the call, by the id that its answer carried'),
    'session explain --user 01a2… --request 01b3…',
  ).action(
    (
      sessionId: string | undefined,
      options: Access & Output & { readonly user?: string; readonly request?: string },
    ) =>
      tenant(options, async (manam) => {
        const { user: userId = '', request: requestId = '' } = options;
        const answer = await manam.events.explainSession({ sessionId: sessionId ?? '', userId, requestId });
        if (options.json) return sayJson(ExplainSessionResponseSchema, answer);
        say(`${answer.state}: ${answer.text}`);
        for (const { createTime, type, text } of answer.events)
          say(`${describeTime(createTime)}\t${type}\t${text}`);
      }),
  );
}

/** `manam webhook …` */
export function addWebhookCommands({ program, tenant }: TenantCli): void {
  const webhook = program.command('webhook').description("a tenant's own webhooks, with its secret key");

  ofTenant(
    webhook
      .command('create <url>')
      .description('make a webhook; prints its id and its secret')
      .option('--type <type>', 'only these types, or types that begin so, such as session.', repeated)
      .option('--description <text>', 'a name for people', ''),
    'webhook create https://app.example.com/hooks/manam --type user. --type session.ended',
  ).action(
    (
      url: string,
      options: Access & Output & { readonly type?: readonly string[]; readonly description: string },
    ) =>
      tenant(options, async ({ webhooks }) => {
        const { description, type = [] } = options;
        const made = await webhooks.createWebhook({ url, description, types: [...type] });
        if (options.json) sayJson(CreateWebhookResponseSchema, made);
        else say(`${made.webhook?.webhookId}\n${made.secret}`);
      }),
  );

  ofTenant(
    webhook
      .command('update <webhook-id>')
      .description('change its address, its name or its types; what is left out stays')
      .option('--to <url>', 'the new address')
      .option('--type <type>', 'only these types, or types that begin so; * for all', repeated)
      .option('--description <text>', 'the new name for people'),
    'webhook update 01a2… --type user. --type session.ended',
  ).action(
    (
      webhookId: string,
      options: Access &
        Output & { readonly to?: string; readonly type?: readonly string[]; readonly description?: string },
    ) =>
      tenant(options, async ({ webhooks }) => {
        const { to, description, type = [] } = options;
        const answer = await webhooks.updateWebhook({
          webhookId,
          types: [...type],
          ...(to !== undefined && { url: to }),
          ...(description !== undefined && { description }),
        });
        if (options.json) sayJson(UpdateWebhookResponseSchema, answer);
        else if (answer.webhook !== undefined) sayTable(columnNames, [columnsOf(answer.webhook)]);
      }),
  );

  ofTenant(webhook.command('list').description('list the webhooks'), 'webhook list').action(
    (options: Access & Output) =>
      tenant(options, async ({ webhooks }) => {
        const answer = await webhooks.listWebhooks({});
        if (options.json) return sayJson(ListWebhooksResponseSchema, answer);
        sayTable(columnNames, answer.webhooks.map(columnsOf));
      }),
  );

  ofTenant(
    webhook
      .command('deliveries <webhook-id>')
      .description('list what was sent, the newest first')
      .addOption(new Option('--state <state>', 'only those').choices(['pending', 'delivered', 'failed'])),
    'webhook deliveries 0198f0c2-… --state failed',
  ).action((webhookId: string, options: Access & Output & { readonly state?: string }) =>
    tenant(options, async ({ webhooks }) => {
      const answer = await webhooks.listWebhookDeliveries({ webhookId, state: options.state ?? '' });
      if (options.json) return sayJson(ListWebhookDeliveriesResponseSchema, answer);
      sayTable(
        ['ID', 'TYPE', 'STATE', 'ATTEMPTS', 'CREATED', 'NEXT'],
        answer.deliveries.map((each) => [
          each.deliveryId,
          each.type,
          each.state,
          String(each.attempts),
          describeTime(each.createTime),
          describeTime(each.nextAttemptTime),
        ]),
      );
    }),
  );

  ofTenant(
    webhook.command('delivery <delivery-id>').description('show a delivery, its request and its attempts'),
    'webhook delivery 0198f0c2-…',
  ).action((deliveryId: string, options: Access & Output) =>
    tenant(options, async ({ webhooks }) => {
      const answer = await webhooks.getWebhookDelivery({ deliveryId });
      if (options.json) return sayJson(GetWebhookDeliveryResponseSchema, answer);
      say(answer.request || 'the event is no longer kept');
      sayTable(
        ['TIME', 'STATUS', 'MS', 'ERROR', 'RESPONSE'],
        answer.attempts.map(({ createTime, statusCode, durationMs, error, response }) => [
          describeTime(createTime),
          String(statusCode),
          String(durationMs),
          error || '-',
          response || '-',
        ]),
      );
    }),
  );

  const simple = (
    name: string,
    description: string,
    work: (webhooks: Manam['webhooks'], id: string) => Promise<string>,
  ) =>
    ofTenant(
      webhook.command(name).description(description),
      `webhook ${name.split(' ')[0]} 0198f0c2-…`,
    ).action((id: string, options: Access & Output) =>
      tenant(options, async ({ webhooks }) => say(await work(webhooks, id))),
    );
  simple('test <webhook-id>', 'send it an event of the type webhook.tested', async (webhooks, webhookId) => {
    const { webhook: target } = await webhooks.getWebhook({ webhookId });
    await webhooks.testWebhook({ webhookId });
    return target?.state === 'disabled' ? 'queued: the webhook is off' : 'queued: see webhook deliveries';
  });
  simple('disable <webhook-id>', 'switch it off; events wait for it', async (webhooks, webhookId) => {
    await webhooks.disableWebhook({ webhookId });
    return 'off';
  });
  simple('enable <webhook-id>', 'switch it on; it gets what it missed', async (webhooks, webhookId) => {
    await webhooks.enableWebhook({ webhookId });
    return 'on';
  });
  simple('retry <delivery-id>', 'send a delivery again', async (webhooks, deliveryId) => {
    await webhooks.retryWebhookDelivery({ deliveryId });
    return 'due now';
  });
  simple(
    'rotate-secret <webhook-id>',
    'make a new secret; the old one signs for one more day',
    async (webhooks, webhookId) =>
      (await webhooks.rotateWebhookSecret({ webhookId, overlap: durationFromMs(86_400_000) })).secret,
  );

  ofTenant(
    webhook
      .command('replay <webhook-id>')
      .description('deliver events of a range of the log again')
      .option('--after <cursor>', 'events after this cursor; default: from the oldest', '')
      .option('--until <cursor>', 'events up to this cursor; default: to the newest', ''),
    'webhook replay 0198f0c2-… --after AAAAAQ…',
  ).action(
    (webhookId: string, options: Access & Output & { readonly after: string; readonly until: string }) =>
      tenant(options, async ({ webhooks }) => {
        const { after, until } = options;
        const { deliveries } = await webhooks.replayEvents({ webhookId, after, until });
        say(`${deliveries} ${deliveries === 1 ? 'delivery' : 'deliveries'}`);
      }),
  );

  ofTenant(
    destructive(
      webhook.command('delete <webhook-id>').description('delete it with the log of its deliveries'),
    ),
    'webhook delete 0198f0c2-… --yes',
  ).action((webhookId: string, options: Access & Output & Destructive) =>
    tenant(options, async ({ webhooks }) => {
      await assertWanted(`Delete the webhook ${webhookId}?`, options.yes);
      await webhooks.deleteWebhook({ webhookId });
      say('deleted');
    }),
  );
}
