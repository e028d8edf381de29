import { useEffect, useState } from 'preact/hooks';
import { type ListUsersResponse, type ManagedUser, ManagementService } from '../../clients/management.ts';
import { SelectField } from '../kit/fields.tsx';
import { Field, type Values } from '../kit/form.tsx';
import { toLatinDigits } from '../kit/language.ts';
import { Link } from '../kit/parts.tsx';
import { Opener } from './dialogs.tsx';
import { Icon } from './icon.tsx';
import { useLanguage, type Word } from './language.ts';
import { Empty, Fetched, Page, Table, Tag, Time } from './parts.tsx';
import { Sheet } from './sheet.tsx';
import { useConsole } from './state.ts';
import { BulkActions } from './user-job.tsx';
import { isOfAll, type UserQuery } from './user-query.ts';

const filters: readonly (readonly [value: string, word: Word])[] = [
  ['state:', 'usersAll'],
  ['state:active', 'usersActive'],
  ['state:disabled', 'usersDisabled'],
  ['factor:passkey', 'usersPasskey'],
  ['factor:totp', 'usersTotp'],
  ['factor:sms', 'usersSms'],
];

function queryOf(text: string, filter: string): UserQuery {
  if (text !== '') return { query: text };
  const [by = '', value = ''] = filter.split(':');
  if (by === 'factor') return { factor: value };
  return by === 'provider' ? { provider: value } : { state: value };
}

const pageSize = 25;

/** The users of the tenant: found, made and invited. */
export function Users() {
  const { t } = useLanguage();
  const { manage } = useConsole();
  const [text, setText] = useState('');
  const [filter, setFilter] = useState('state:');
  const [round, setRound] = useState(0);
  const [providers, setProviders] = useState<readonly string[]>([]);
  useEffect(() => {
    // They are further choices: without them the others remain.
    void manage.listConnections({}).then(
      ({ connections }) => setProviders(connections.map(({ name }) => name)),
      () => {},
    );
  }, []);
  const query = queryOf(text, filter);
  const again = async () => setRound(round + 1);
  return (
    <Page title={t('users')} hint={t('usersHint')} actions={<NewUsers onMade={again} />}>
      <div class="toolbar">
        <SearchField onSearch={setText} />
        <SelectField
          name="filter"
          label={t('usersShow')}
          choices={[
            ...filters.map(([value, word]) => ({ value, label: t(word) })),
            ...providers.map((name) => ({ value: `provider:${name}`, label: t('usersProvider', { name }) })),
          ]}
          value={filter}
          onChange={setFilter}
          isDisabled={text !== ''}
        />
      </div>
      <Results key={`${JSON.stringify(query)} ${round}`} query={query} />
    </Page>
  );
}

const pauseMs = 350;

/** Searches once the typing rests. */
function SearchField({ onSearch }: { readonly onSearch: (text: string) => void }) {
  const { t } = useLanguage();
  const [typed, setTyped] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => onSearch(toLatinDigits(typed.trim())), pauseMs);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <div class="field search">
      <label for="search">{t('usersSearch')}</label>
      <div class="search-box">
        <Icon name="search" />
        <input
          id="search"
          type="search"
          autocomplete="off"
          placeholder={t('usersSearchHint')}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </div>
    </div>
  );
}

function Results({ query }: { readonly query: UserQuery }) {
  const { manage } = useConsole();
  /** The tokens of the pages up to this one. */
  const [tokens, setTokens] = useState(['']);
  const pageToken = tokens.at(-1) ?? '';
  return (
    <Fetched key={pageToken} load={() => manage.listUsers({ ...query, pageSize, pageToken })}>
      {(answer, reload) => (
        <UserTable
          answer={answer}
          query={query}
          reload={reload}
          {...(tokens.length > 1 && { onBack: () => setTokens(tokens.slice(0, -1)) })}
          onNext={() => setTokens([...tokens, answer.nextPageToken])}
        />
      )}
    </Fetched>
  );
}

type UserTableProps = {
  readonly answer: ListUsersResponse;
  readonly query: UserQuery;
  readonly reload: () => Promise<void>;
  readonly onBack?: () => void;
  readonly onNext: () => void;
};

function UserTable({ answer, query, reload, onBack, onNext }: UserTableProps) {
  const { t } = useLanguage();
  const { may } = useConsole();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const { users, nextPageToken } = answer;
  const mayAct = may(ManagementService.method.startUserJob);
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const name = {
    label: t('user'),
    isMain: true,
    of: (user: ManagedUser) => (
      <Link to={`users/${user.userId}`}>
        <span class="person">
          <span class="initial" aria-hidden="true">
            {initialOf(user)}
          </span>
          <bdi>{nameOf(user)}</bdi>
        </span>
      </Link>
    ),
  };
  const columns = [
    ...(mayAct
      ? [
          {
            label: t('choose'),
            isActions: true,
            of: (user: ManagedUser) => (
              <input
                type="checkbox"
                aria-label={`${t('choose')} ${nameOf(user)}`}
                checked={chosen.has(user.userId)}
                onChange={() => toggle(user.userId)}
              />
            ),
          },
        ]
      : []),
    name,
    {
      label: t('reachedAt'),
      of: ({ email, mobile }: ManagedUser) => (
        <bdi dir="ltr">{[email, mobile].filter(Boolean).join(' · ')}</bdi>
      ),
    },
    { label: t('state'), of: (user: ManagedUser) => <StateTag state={user.state} /> },
    { label: t('madeAt'), of: ({ createTime }: ManagedUser) => <Time of={createTime} /> },
  ];
  return (
    <>
      {users.length === 0 && <NoUsers query={query} isLast={nextPageToken === ''} />}
      {mayAct && users.length > 0 && (
        <BulkActions
          chosen={[...chosen]}
          query={query}
          onDone={async () => {
            setChosen(new Set());
            await reload();
          }}
        />
      )}
      {users.length > 0 && (
        <Table label={t('users')} columns={columns} rows={users} keyOf={({ userId }) => userId} />
      )}
      <nav class="pager" aria-label={t('pages')}>
        {onBack !== undefined && (
          <button type="button" class="quiet" onClick={onBack}>
            {t('previous')}
          </button>
        )}
        {nextPageToken !== '' && (
          <button type="button" class="quiet" onClick={onNext}>
            {t('next')}
          </button>
        )}
      </nav>
    </>
  );
}

/** What is said where a page has no users: of none at all, of none that match, or of none on this page. */
function NoUsers({ query, isLast }: { readonly query: UserQuery; readonly isLast: boolean }) {
  const { t } = useLanguage();
  const isBare = isOfAll(query);
  if (!isLast) return <Empty icon="users" title={t('usersNoneHere')} />;
  return (
    <Empty icon="users" title={t(isBare ? 'usersNone' : 'usersNotFound')}>
      <p class="hint">
        {t(isBare ? 'usersNoneHint' : 'query' in query ? 'usersNotFoundHint' : 'usersNoMatchHint')}
      </p>
    </Empty>
  );
}

/** The name of a user, or what they are reached at. */
export function nameOf({ firstName, lastName, email, mobile, userId }: ManagedUser): string {
  return `${firstName} ${lastName}`.trim() || email || mobile || userId;
}

export function initialOf(user: ManagedUser): string {
  return ([...nameOf(user).replace(/^\+/, '')][0] ?? '').toUpperCase();
}

export function StateTag({ state }: { readonly state: string }) {
  const { t } = useLanguage();
  const isActive = state === 'active';
  return <Tag tone={isActive ? 'good' : 'bad'}>{t(isActive ? 'stateActive' : 'stateDisabled')}</Tag>;
}

/** The two ways to bring in a user. */
function NewUsers({ onMade }: { readonly onMade: () => Promise<void> }) {
  const { t } = useLanguage();
  const { may } = useConsole();
  return (
    <>
      {may(ManagementService.method.inviteUser) && (
        <Opener label={t('userInvite')} icon="messages">
          {(close) => <UserForm kind="invite" onMade={onMade} close={close} />}
        </Opener>
      )}
      {may(ManagementService.method.createUser) && (
        <Opener label={t('userCreate')} icon="add" weight="primary">
          {(close) => <UserForm kind="create" onMade={onMade} close={close} />}
        </Opener>
      )}
    </>
  );
}

type UserFormProps = {
  readonly kind: 'invite' | 'create';
  readonly onMade: () => Promise<void>;
  readonly close: () => void;
};

function UserForm({ kind, onMade, close }: UserFormProps) {
  const { t } = useLanguage();
  const { manage, say } = useConsole();
  const send = async (values: Values) => {
    const { email = '', mobile = '', firstName = '', lastName = '' } = values;
    const user = { email: email.trim(), mobile: toLatinDigits(mobile.trim()), firstName, lastName };
    if (kind === 'invite') await manage.inviteUser(user);
    else await manage.createUser(user);
    close();
    say(t(kind === 'invite' ? 'userInvited' : 'userCreated'));
    await onMade();
  };
  return (
    <Sheet submit={t(kind === 'invite' ? 'userInvite' : 'userCreate')} onSubmit={send}>
      <p class="hint">{t(kind === 'invite' ? 'userInviteHint' : 'userCreateHint')}</p>
      <Field name="email" label={t('email')} type="email" isLatin takesFocus />
      <Field name="mobile" label={t('mobile')} type="tel" isLatin />
      <div class="row">
        <Field name="firstName" alsoNames={['first_name']} label={t('firstName')} />
        <Field name="lastName" alsoNames={['last_name']} label={t('lastName')} />
      </div>
    </Sheet>
  );
}
