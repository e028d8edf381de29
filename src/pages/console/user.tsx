import {
  type GetUserResponse,
  type ManagedIdentity,
  type ManagedSession,
  type ManagedUser,
  ManagementService,
} from '../../clients/management.ts';
import { Form } from '../kit/form.tsx';
import { useLanguage } from './language.ts';
import { Card, Code, Empty, Facts, Fetched, Page, Table, Tag, Time } from './parts.tsx';
import { useConsole } from './state.ts';
import { AccountActions, Credentials, EditUser } from './user-actions.tsx';
import { UserEvents } from './user-events.tsx';
import { initialOf, nameOf, StateTag } from './users.tsx';

/** One user, and all that happened to them. */
export function User() {
  const { t } = useLanguage();
  const { item, manage } = useConsole();
  return (
    <Fetched
      load={() => manage.getUser({ userId: item })}
      frame={(failure) => (
        <Page title={t('user')} back={{ to: 'users', label: t('users') }}>
          {failure}
        </Page>
      )}
    >
      {(found, reload) =>
        found.user !== undefined && <Shown found={found} user={found.user} reload={reload} />
      }
    </Fetched>
  );
}

type ShownProps = {
  readonly found: GetUserResponse;
  readonly user: ManagedUser;
  readonly reload: () => Promise<void>;
};

function Shown({ found, user, reload }: ShownProps) {
  const { t } = useLanguage();
  const { may } = useConsole();
  const { userId, email, emailConfirmed, mobile, mobileConfirmed, roles, locale, createTime } = user;
  const reached = (address: string, isConfirmed: boolean) =>
    address === '' ? (
      '–'
    ) : (
      <>
        <bdi dir="ltr">{address}</bdi>{' '}
        <Tag tone={isConfirmed ? 'good' : 'plain'}>{t(isConfirmed ? 'proved' : 'unproved')}</Tag>
      </>
    );
  return (
    <Page
      title={nameOf(user)}
      back={{ to: 'users', label: t('users') }}
      lead={
        <span class="initial large" aria-hidden="true">
          {initialOf(user)}
        </span>
      }
      actions={
        <>
          <StateTag state={user.state} />
          {may(ManagementService.method.updateUser) && <EditUser user={user} onDone={reload} />}
        </>
      }
    >
      <div class="halves">
        <Card title={t('profile')}>
          <Facts
            facts={[
              [t('userId'), <Code key="id">{userId}</Code>],
              [t('email'), reached(email, emailConfirmed)],
              [t('mobile'), reached(mobile, mobileConfirmed)],
              [t('roles'), roles.length === 0 ? '–' : roles.map((role) => <Tag key={role}>{role}</Tag>)],
              [t('speaks'), locale === '' ? '–' : t(locale === 'fa' ? 'persian' : 'english')],
              [t('madeAt'), <Time key="time" of={createTime} />],
            ]}
          />
        </Card>
        <Card title={t('authenticators')}>
          <Authenticators found={found} />
          <Credentials user={user} onDone={reload} />
        </Card>
      </div>
      <Card title={t('sessions')}>
        <Sessions userId={userId} />
      </Card>
      <Card title={t('history')} hint={t('historyHint')}>
        <UserEvents userId={userId} />
      </Card>
      <AccountActions user={user} onDone={reload} />
    </Page>
  );
}

function Authenticators({ found: { authenticators, identities } }: { readonly found: GetUserResponse }) {
  const { t, number } = useLanguage();
  const yes = (isSo: boolean) => t(isSo ? 'yes' : 'no');
  return (
    <Facts
      facts={[
        [t('password'), yes(authenticators?.password === true)],
        [t('passkeys'), number(authenticators?.passkeys ?? 0)],
        [t('totp'), yes(authenticators?.totp === true)],
        [
          t('sms'),
          <bdi key="sms" dir="ltr">
            {authenticators?.maskedPhoneNumber || '–'}
          </bdi>,
        ],
        [t('recoveryCodesLeft'), number(authenticators?.recoveryCodesLeft ?? 0)],
        [
          t('providers'),
          identities.length === 0 ? '–' : identities.map((each) => <Identity key={each.subject} {...each} />),
        ],
      ]}
    />
  );
}

const Identity = ({ provider }: ManagedIdentity) => <Tag>{provider}</Tag>;

function Sessions({ userId }: { readonly userId: string }) {
  const { t, locale } = useLanguage();
  const { manage, may, say } = useConsole();
  const mayEnd = may(ManagementService.method.endUserSessions);
  return (
    <Fetched key={locale} load={async () => (await manage.listUserSessions({ userId })).sessions}>
      {(sessions, reload) => {
        const end = async (sessionId: string) => {
          await manage.endUserSessions({ userId, sessionId });
          say(t(sessionId === '' ? 'sessionsEnded' : 'sessionEnded1'));
          await reload();
        };
        if (sessions.length === 0) return <Empty icon="signIn" title={t('sessionsNone')} />;
        return (
          <>
            <Table<ManagedSession>
              label={t('sessions')}
              rows={sessions}
              keyOf={({ sessionId }) => sessionId}
              columns={[
                {
                  label: t('device'),
                  isMain: true,
                  of: ({ device }) => <>{device || '–'}</>,
                },
                { label: t('address'), of: ({ address }) => <bdi dir="ltr">{address}</bdi> },
                { label: t('began'), of: ({ createTime }) => <Time of={createTime} /> },
                { label: t('lastUse'), of: ({ lastUseTime }) => <Time of={lastUseTime} /> },
                ...(mayEnd
                  ? [
                      {
                        label: t('actions'),
                        isActions: true,
                        of: ({ sessionId, device }: ManagedSession) => (
                          <Form
                            submit={t('end')}
                            about={device}
                            weight="quiet"
                            onSubmit={() => end(sessionId)}
                          />
                        ),
                      },
                    ]
                  : []),
              ]}
            />
            {mayEnd && sessions.length > 1 && (
              <Form submit={t('endSessions')} weight="quiet" onSubmit={() => end('')} />
            )}
          </>
        );
      }}
    </Fetched>
  );
}
