import { useState } from 'preact/hooks';
import type {
  GetWebhookResponse,
  Webhook,
  WebhookDelivery,
} from '../../../gen/manam/v1/webhook_service_pb.js';
import { linesOf, TextArea } from '../kit/fields.tsx';
import { Field, Form, type Values } from '../kit/form.tsx';
import { Confirm, Opener } from './dialogs.tsx';
import { useLanguage, type Word } from './language.ts';
import { Card, Code, Empty, Facts, Fetched, Page, Secret, Table, Tag, Time } from './parts.tsx';
import { Sheet } from './sheet.tsx';
import { useConsole } from './state.ts';
import { WebhookState } from './webhooks.tsx';

/** One webhook: its deliveries, its settings and its secret. */
export function WebhookScreen() {
  const { t } = useLanguage();
  const { webhooks, item } = useConsole();
  return (
    <Fetched
      load={() => webhooks.getWebhook({ webhookId: item })}
      frame={(failure) => (
        <Page title={t('webhook')} back={{ to: 'webhooks', label: t('webhooks') }}>
          {failure}
        </Page>
      )}
    >
      {(found, reload) =>
        found.webhook !== undefined && <Shown found={found} webhook={found.webhook} reload={reload} />
      }
    </Fetched>
  );
}

type ShownProps = {
  readonly found: GetWebhookResponse;
  readonly webhook: Webhook;
  readonly reload: () => Promise<void>;
};

function Shown({ found, webhook, reload }: ShownProps) {
  const { t, number } = useLanguage();
  const { webhookId, url, state, createTime } = webhook;
  return (
    <Page
      title={t('webhook')}
      hint={url}
      back={{ to: 'webhooks', label: t('webhooks') }}
      actions={<WebhookState webhook={webhook} />}
    >
      <Card title={t('deliveries')} hint={t('deliveriesHint')}>
        <Switches webhookId={webhookId} isOff={state === 'disabled'} reload={reload} />
        <Deliveries webhookId={webhookId} />
      </Card>
      <Card title={t('settings')}>
        <Facts
          facts={[
            [t('pending'), number(found.pending)],
            [t('madeAt'), <Time key="made" of={createTime} />],
          ]}
        />
        <Settings webhook={webhook} reload={reload} />
      </Card>
      <Card title={t('signingSecret')} hint={t('signingSecretHint')}>
        <SigningSecret webhookId={webhookId} />
        <Removal webhookId={webhookId} />
      </Card>
    </Page>
  );
}

type SwitchesProps = {
  readonly webhookId: string;
  readonly isOff: boolean;
  readonly reload: () => Promise<void>;
};

function Switches({ webhookId, isOff, reload }: SwitchesProps) {
  const { t } = useLanguage();
  const { webhooks, say } = useConsole();
  const flip = async () => {
    await (isOff ? webhooks.enableWebhook({ webhookId }) : webhooks.disableWebhook({ webhookId }));
    say(t('saved'));
    await reload();
  };
  const test = async () => {
    await webhooks.testWebhook({ webhookId });
    say(t('testSent'));
  };
  return (
    <div class="actions">
      <Form submit={t('sendTest')} weight="quiet" onSubmit={test} />
      <Form submit={t(isOff ? 'turnOn' : 'turnOff')} weight="quiet" onSubmit={flip} />
    </div>
  );
}

const stateWords: Readonly<Record<string, Word>> = {
  pending: 'deliveryPending',
  delivered: 'deliveryDone',
  failed: 'deliveryFailed',
};

function Deliveries({ webhookId }: { readonly webhookId: string }) {
  const { t, number } = useLanguage();
  const { webhooks, say } = useConsole();
  return (
    <Fetched load={async () => (await webhooks.listWebhookDeliveries({ webhookId, limit: 50 })).deliveries}>
      {(deliveries, reload) => (
        <>
          <Form submit={t('lookAgain')} weight="quiet" onSubmit={reload} />
          {deliveries.length === 0 ? (
            <Empty icon="webhooks" title={t('deliveriesNone')} />
          ) : (
            <Table<WebhookDelivery>
              label={t('deliveries')}
              rows={deliveries}
              keyOf={({ deliveryId }) => deliveryId}
              columns={[
                { label: t('type'), isMain: true, of: ({ type }) => <Code>{type}</Code> },
                {
                  label: t('state'),
                  of: ({ state }) => (
                    <Tag tone={state === 'delivered' ? 'good' : state === 'failed' ? 'bad' : 'plain'}>
                      {t(stateWords[state] ?? 'deliveryPending')}
                    </Tag>
                  ),
                },
                { label: t('attempts'), of: ({ attempts }) => number(attempts) },
                { label: t('time'), of: ({ createTime }) => <Time of={createTime} /> },
                {
                  label: t('actions'),
                  isActions: true,
                  of: ({ deliveryId, type }) => (
                    <>
                      <Opener label={t('details')} about={`${type} ${deliveryId}`}>
                        {() => <Delivery deliveryId={deliveryId} />}
                      </Opener>
                      <Form
                        submit={t('sendAgain')}
                        about={`${type} ${deliveryId}`}
                        weight="quiet"
                        onSubmit={async () => {
                          await webhooks.retryWebhookDelivery({ deliveryId });
                          say(t('deliveryAgain'));
                          await reload();
                        }}
                      />
                    </>
                  ),
                },
              ]}
            />
          )}
        </>
      )}
    </Fetched>
  );
}

/** What was sent, and what came back. */
function Delivery({ deliveryId }: { readonly deliveryId: string }) {
  const { t, number } = useLanguage();
  const { webhooks } = useConsole();
  return (
    <Fetched load={() => webhooks.getWebhookDelivery({ deliveryId })}>
      {({ request, attempts }) => (
        <>
          <h3>{t('request')}</h3>
          <pre class="snippet" dir="ltr">
            {request}
          </pre>
          <h3>{t('attempts')}</h3>
          {attempts.map(({ createTime, statusCode, error, response, durationMs }, index) => (
            <Facts
              key={`${index} ${durationMs}`}
              facts={[
                [t('time'), <Time key="time" of={createTime} />],
                [t('answer'), statusCode === 0 ? error : number(statusCode)],
                ...(response === '' ? [] : [[t('body'), <Code key="body">{response}</Code>] as const]),
              ]}
            />
          ))}
        </>
      )}
    </Fetched>
  );
}

/** None at all would leave the types as they are. */
const typesOf = (types: string[]) => (types.length === 0 ? ['*'] : types);

function Settings({ webhook, reload }: { readonly webhook: Webhook; readonly reload: () => Promise<void> }) {
  const { t } = useLanguage();
  const { webhooks, say } = useConsole();
  const { webhookId, url, description, types } = webhook;
  const save = async (values: Values) => {
    await webhooks.updateWebhook({
      webhookId,
      url: (values['url'] ?? '').trim(),
      description: values['description'] ?? '',
      types: typesOf(linesOf(values['types'])),
    });
    say(t('saved'));
    await reload();
  };
  return (
    <Sheet submit={t('save')} onSubmit={save}>
      <Field name="url" label={t('url')} value={url} isLatin />
      <Field name="description" label={t('description')} value={description} />
      <TextArea
        name="types"
        alsoNames={['types.']}
        label={t('eventTypes')}
        hint={t('eventTypesHint')}
        value={types.join('\n')}
        isLatin
      />
    </Sheet>
  );
}

function SigningSecret({ webhookId }: { readonly webhookId: string }) {
  const { t } = useLanguage();
  const { webhooks } = useConsole();
  const [secret, setSecret] = useState('');
  return (
    <>
      {secret !== '' && <Secret label={t('signingSecret')} text={secret} />}
      <Confirm
        label={t('secretRotate')}
        text={t('webhookRotateHint')}
        weight="quiet"
        onConfirm={async () => setSecret((await webhooks.rotateWebhookSecret({ webhookId })).secret)}
      />
    </>
  );
}

function Removal({ webhookId }: { readonly webhookId: string }) {
  const { t } = useLanguage();
  const { webhooks, go } = useConsole();
  return (
    <Confirm
      label={t('webhookRemove')}
      text={t('webhookRemoveHint')}
      onConfirm={async () => {
        await webhooks.deleteWebhook({ webhookId });
        go('webhooks', t('removed'));
      }}
    />
  );
}
