import { useState } from 'preact/hooks';
import { type Webhook, WebhookService } from '../../../gen/manam/v1/webhook_service_pb.js';
import { linesOf, TextArea } from '../kit/fields.tsx';
import { Field, type Values } from '../kit/form.tsx';
import { Link } from '../kit/parts.tsx';
import { Opener } from './dialogs.tsx';
import { useLanguage } from './language.ts';
import { Card, Empty, Fetched, KeptSecret, Page, Table, Tag, Time } from './parts.tsx';
import { Sheet } from './sheet.tsx';
import { useConsole } from './state.ts';

/** Where the tenant's events are sent. */
export function Webhooks() {
  const { t } = useLanguage();
  const { webhooks, may } = useConsole();
  const mayOpen = may(WebhookService.method.getWebhook);
  return (
    <Fetched load={async () => (await webhooks.listWebhooks({})).webhooks}>
      {(list, reload) => (
        <Page
          title={t('webhooks')}
          hint={t('webhooksHint')}
          actions={
            may(WebhookService.method.createWebhook) && (
              <Opener label={t('webhookAdd')} icon="add" weight="primary" onClosed={() => void reload()}>
                {(close) => <NewWebhook close={close} />}
              </Opener>
            )
          }
        >
          {list.length === 0 ? (
            <Card>
              <Empty icon="webhooks" title={t('webhooksNone')}>
                <p class="hint">{t('webhooksNoneHint')}</p>
              </Empty>
            </Card>
          ) : (
            <Table
              label={t('webhooks')}
              rows={list}
              keyOf={({ webhookId }) => webhookId}
              columns={[
                {
                  label: t('url'),
                  isMain: true,
                  of: ({ webhookId, url }) =>
                    mayOpen ? (
                      <Link to={`webhooks/${webhookId}`}>
                        <bdi dir="ltr">{url}</bdi>
                      </Link>
                    ) : (
                      <bdi dir="ltr">{url}</bdi>
                    ),
                },
                { label: t('description'), of: ({ description }) => description || '–' },
                { label: t('state'), of: (webhook) => <WebhookState webhook={webhook} /> },
                { label: t('madeAt'), of: ({ createTime }) => <Time of={createTime} /> },
              ]}
            />
          )}
        </Page>
      )}
    </Fetched>
  );
}

export function WebhookState({ webhook: { state, failingSinceTime } }: { readonly webhook: Webhook }) {
  const { t } = useLanguage();
  if (state === 'disabled') return <Tag>{t('off')}</Tag>;
  if (failingSinceTime !== undefined) return <Tag tone="bad">{t('failing')}</Tag>;
  return <Tag tone="good">{t('on')}</Tag>;
}

function NewWebhook({ close }: { readonly close: () => void }) {
  const { t } = useLanguage();
  const { webhooks } = useConsole();
  const [secret, setSecret] = useState('');
  if (secret !== '') return <KeptSecret label={t('signingSecret')} text={secret} onKept={close} />;
  const create = async ({ url = '', description = '', types = '' }: Values) => {
    const made = await webhooks.createWebhook({ url: url.trim(), description, types: linesOf(types) });
    setSecret(made.secret);
  };
  return (
    <Sheet submit={t('webhookAdd')} onSubmit={create}>
      <Field name="url" label={t('url')} hint={t('webhookUrlHint')} isLatin isRequired takesFocus />
      <Field name="description" label={t('description')} />
      <TextArea
        name="types"
        alsoNames={['types.']}
        label={t('eventTypes')}
        hint={t('eventTypesHint')}
        isLatin
      />
    </Sheet>
  );
}
