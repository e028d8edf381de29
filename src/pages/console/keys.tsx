import { type Timestamp, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { useState } from 'preact/hooks';
import { type ManagedKey, ManagementService } from '../../clients/management.ts';
import { CheckField, linesOf, SelectField, TextArea } from '../kit/fields.tsx';
import { Field, type Values } from '../kit/form.tsx';
import { Confirm, Opener } from './dialogs.tsx';
import { useLanguage, type Word } from './language.ts';
import { Card, Empty, Fetched, KeptSecret, Page, Table, Tag, Time } from './parts.tsx';
import { Sheet } from './sheet.tsx';
import { scopes, useConsole } from './state.ts';

const methods = ManagementService.method;
const dayMs = 86_400_000;

const isPast = (time: Timestamp | undefined) => time !== undefined && timestampDate(time) <= new Date();

/** Whether a key opens nothing any more. One that was replaced goes on until its time. */
const isOver = ({ revokeTime, expireTime }: ManagedKey) => isPast(revokeTime) || isPast(expireTime);

/** The keys of the tenant's pages, apps and servers. */
export function Keys() {
  const { t } = useLanguage();
  const { manage, may } = useConsole();
  const [isAll, setAll] = useState(false);
  return (
    <Fetched load={async () => (await manage.listKeys({})).keys}>
      {(keys, reload) => {
        const shown = keys.filter((key) => isAll || !isOver(key));
        return (
          <Page
            title={t('keys')}
            hint={t('keysHint')}
            actions={
              may(methods.createKey) && (
                <Opener label={t('keyAdd')} icon="add" weight="primary" onClosed={() => void reload()}>
                  {(close) => <NewKey close={close} />}
                </Opener>
              )
            }
          >
            {shown.length === 0 ? (
              <Card>
                <Empty icon="keys" title={t('keysNone')} />
              </Card>
            ) : (
              <KeyTable keys={shown} reload={reload} />
            )}
            {keys.length > shown.length && (
              <button type="button" class="quiet" onClick={() => setAll(true)}>
                {t('keysRevoked')}
              </button>
            )}
          </Page>
        );
      }}
    </Fetched>
  );
}

function KeyTable({
  keys,
  reload,
}: {
  readonly keys: readonly ManagedKey[];
  readonly reload: () => Promise<void>;
}) {
  const { t } = useLanguage();
  return (
    <Table
      label={t('keys')}
      rows={keys}
      keyOf={({ keyId }) => keyId}
      columns={[
        {
          label: t('name'),
          isMain: true,
          of: (key) => (
            <>
              <bdi>{key.name || `…${key.keyId.slice(-8)}`}</bdi>{' '}
              {isOver(key) && <Tag tone="bad">{t(isPast(key.revokeTime) ? 'revoked' : 'expired')}</Tag>}
            </>
          ),
        },
        { label: t('kind'), of: ({ kind }) => t(kind === 'secret' ? 'keySecret' : 'keyPublishable') },
        { label: t('mayDo'), of: (key) => <Reach of={key} /> },
        { label: t('madeAt'), of: ({ createTime }) => <Time of={createTime} /> },
        { label: t('lastUse'), of: ({ lastUseTime }) => <Time of={lastUseTime} /> },
        { label: t('ends'), of: ({ expireTime, revokeTime }) => <Time of={revokeTime ?? expireTime} /> },
        {
          label: t('actions'),
          isActions: true,
          of: (key) => <KeyActions managed={key} reload={reload} />,
        },
      ]}
    />
  );
}

/** What a key opens, and from where. */
function Reach({ of: { scopes: granted, origins, networks } }: { readonly of: ManagedKey }) {
  const all = [...granted, ...origins, ...networks];
  if (all.length === 0) return <>–</>;
  return (
    <span class="tags" dir="ltr">
      {all.map((each) => (
        <Tag key={each}>{each}</Tag>
      ))}
    </span>
  );
}

function KeyActions({
  managed,
  reload,
}: {
  readonly managed: ManagedKey;
  readonly reload: () => Promise<void>;
}) {
  const { t } = useLanguage();
  const { manage, may, say } = useConsole();
  const { keyId, name } = managed;
  if (isOver(managed) || !may(methods.revokeKey)) return null;
  return (
    <>
      {managed.revokeTime === undefined && (
        <Opener label={t('rotate')} about={name} onClosed={() => void reload()}>
          {(close) => <RotateKey managed={managed} close={close} />}
        </Opener>
      )}
      <Confirm
        label={t('revoke')}
        about={name}
        text={t('revokeHint')}
        onConfirm={async () => {
          await manage.revokeKey({ keyId });
          say(t('keyRevoked'));
          await reload();
        }}
      />
    </>
  );
}

const overlaps: readonly (readonly [hours: number, word: Word])[] = [
  [0, 'overlapNone'],
  [1, 'overlapHour'],
  [24, 'overlapDay'],
];

function RotateKey({
  managed: { keyId, kind },
  close,
}: {
  readonly managed: ManagedKey;
  readonly close: () => void;
}) {
  const { t } = useLanguage();
  const { manage } = useConsole();
  const [text, setText] = useState('');
  if (text !== '')
    return <KeptSecret label={t('keyMade')} text={text} isPublic={kind === 'publishable'} onKept={close} />;
  return (
    <Sheet
      submit={t('rotate')}
      onSubmit={async ({ overlap = '24' }) => {
        const seconds = BigInt(Number(overlap) * 3600);
        setText((await manage.rotateKey({ keyId, overlap: { seconds, nanos: 0 } })).text);
      }}
    >
      <p>{t('rotateHint')}</p>
      <SelectField
        name="overlap"
        label={t('overlap')}
        value="24"
        choices={overlaps.map(([hours, word]) => ({ value: String(hours), label: t(word) }))}
      />
    </Sheet>
  );
}

const ends: readonly (readonly [days: number, word: Word])[] = [
  [0, 'endNever'],
  [30, 'end30'],
  [90, 'end90'],
  [365, 'end365'],
];

function NewKey({ close }: { readonly close: () => void }) {
  const { t } = useLanguage();
  const { manage } = useConsole();
  const [kind, setKind] = useState('publishable');
  const [text, setText] = useState('');
  if (text !== '')
    return <KeptSecret label={t('keyMade')} text={text} isPublic={kind === 'publishable'} onKept={close} />;
  const create = async (values: Values) => {
    const days = Number(values['end']);
    const { text: made } = await manage.createKey({
      kind,
      name: values['name'] ?? '',
      scopes: scopes.filter((scope) => values[scope] === 'on'),
      origins: linesOf(values['origins']),
      networks: linesOf(values['networks']),
      ...(days > 0 && { expireTime: timestampFromDate(new Date(Date.now() + days * dayMs)) }),
    });
    setText(made);
  };
  return (
    <Sheet submit={t('keyAdd')} onSubmit={create}>
      <Field name="name" label={t('name')} hint={t('keyNameHint')} takesFocus />
      <SelectField
        name="kind"
        label={t('kind')}
        hint={t(kind === 'secret' ? 'keySecretHint' : 'keyPublishableHint')}
        value={kind}
        onChange={setKind}
        choices={[
          { value: 'publishable', label: t('keyPublishable') },
          { value: 'secret', label: t('keySecret') },
        ]}
      />
      {kind === 'secret' ? (
        <>
          <fieldset class="checks">
            <legend>{t('scopes')}</legend>
            {scopes.map((scope) => (
              <CheckField key={scope} name={scope} label={scope} />
            ))}
          </fieldset>
          <TextArea
            name="networks"
            alsoNames={['networks.']}
            label={t('networks')}
            hint={t('networksHint')}
            rows={2}
            isLatin
          />
        </>
      ) : (
        <TextArea
          name="origins"
          alsoNames={['origins.']}
          label={t('origins')}
          hint={t('keyOriginsHint')}
          rows={2}
          isLatin
        />
      )}
      <SelectField
        name="end"
        alsoNames={['expire_time']}
        label={t('ends')}
        choices={ends.map(([days, word]) => ({ value: String(days), label: t(word) }))}
      />
    </Sheet>
  );
}
