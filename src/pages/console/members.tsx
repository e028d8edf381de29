import { type ListMembersResponse, ManagementService, type TenantMember } from '../../clients/management.ts';
import { SelectField } from '../kit/fields.tsx';
import { Field, type Values } from '../kit/form.tsx';
import { Confirm, Opener } from './dialogs.tsx';
import { useLanguage } from './language.ts';
import { Card, Fetched, Page, Table, Tag, Time } from './parts.tsx';
import { Sheet } from './sheet.tsx';
import { roleWord } from './shell.tsx';
import { memberRoles, useConsole } from './state.ts';

const methods = ManagementService.method;

/** The people who run the tenant. */
export function Members() {
  const { t } = useLanguage();
  const { manage, may } = useConsole();
  return (
    <Fetched load={() => manage.listMembers({})}>
      {(answer, reload) => (
        <Page
          title={t('members')}
          hint={t('membersHint')}
          actions={
            may(methods.inviteMember) && (
              <Opener label={t('memberInvite')} icon="add" weight="primary">
                {(close) => <Invite onDone={reload} close={close} />}
              </Opener>
            )
          }
        >
          <MemberTable answer={answer} reload={reload} />
          {answer.invitations.length > 0 && <Invitations answer={answer} reload={reload} />}
          <Card title={t('rolesTitle')}>
            <dl class="facts">
              {memberRoles.map((role) => (
                <div key={role}>
                  <dt>{t(roleWord(role))}</dt>
                  <dd>{t(`${role}May`)}</dd>
                </div>
              ))}
            </dl>
            <Leave />
          </Card>
        </Page>
      )}
    </Fetched>
  );
}

type ListProps = { readonly answer: ListMembersResponse; readonly reload: () => Promise<void> };

function MemberTable({ answer, reload }: ListProps) {
  const { t } = useLanguage();
  const { may } = useConsole();
  return (
    <Table
      label={t('members')}
      rows={answer.members}
      keyOf={({ userId }) => userId}
      columns={[
        {
          label: t('name'),
          isMain: true,
          of: ({ name, email }) => <bdi>{name || email}</bdi>,
        },
        { label: t('email'), of: ({ email }) => <bdi dir="ltr">{email}</bdi> },
        { label: t('role'), of: ({ role }) => <Tag>{t(roleWord(role))}</Tag> },
        { label: t('since'), of: ({ createTime }) => <Time of={createTime} /> },
        ...(may(methods.setMemberRole)
          ? [
              {
                label: t('actions'),
                isActions: true,
                of: (member: TenantMember) => <MemberActions member={member} reload={reload} />,
              },
            ]
          : []),
      ]}
    />
  );
}

function RoleField({ value }: { readonly value: string }) {
  const { t } = useLanguage();
  const { tenant } = useConsole();
  // No one gives more than they have.
  const own = (memberRoles as readonly string[]).indexOf(tenant.role);
  const given = memberRoles.slice(0, own + 1);
  return (
    <SelectField
      name="role"
      label={t('role')}
      value={value}
      choices={given.map((role) => ({ value: role, label: t(roleWord(role)) }))}
    />
  );
}

function MemberActions({
  member: { userId, role, name, email },
  reload,
}: {
  readonly member: TenantMember;
  readonly reload: () => Promise<void>;
}) {
  const { t } = useLanguage();
  const { manage, manam, say } = useConsole();
  const about = name || email;
  const done = async () => {
    const { user } = await manam.profile.viewUser({});
    // What one may do oneself is read anew.
    if (user?.userId === userId) location.reload();
    say(t('saved'));
    await reload();
  };
  return (
    <>
      <Opener label={t('roleChange')} about={about}>
        {(close) => (
          <Sheet
            submit={t('save')}
            onSubmit={async ({ role: next = role }) => {
              await manage.setMemberRole({ userId, role: next });
              close();
              await done();
            }}
          >
            <RoleField value={role} />
          </Sheet>
        )}
      </Opener>
      {role !== 'owner' && (
        <Confirm
          label={t('handOver')}
          about={about}
          text={t('handOverHint')}
          weight="quiet"
          onConfirm={async () => {
            await manage.transferOwnership({ userId });
            // What one may do has changed.
            location.reload();
          }}
        />
      )}
      <Confirm
        label={t('remove')}
        about={about}
        text={t('memberRemoveHint')}
        onConfirm={async () => {
          await manage.removeMember({ userId });
          await done();
        }}
      />
    </>
  );
}

function Invitations({ answer, reload }: ListProps) {
  const { t } = useLanguage();
  const { manage, may, say } = useConsole();
  return (
    <Card title={t('invitations')}>
      <Table
        label={t('invitations')}
        rows={answer.invitations}
        keyOf={({ invitationId }) => invitationId}
        columns={[
          { label: t('email'), isMain: true, of: ({ email }) => <bdi dir="ltr">{email}</bdi> },
          { label: t('role'), of: ({ role }) => <Tag>{t(roleWord(role))}</Tag> },
          { label: t('ends'), of: ({ expireTime }) => <Time of={expireTime} /> },
          {
            label: t('actions'),
            isActions: true,
            of: ({ invitationId, email }) =>
              may(methods.revokeInvitation) && (
                <Confirm
                  label={t('revoke')}
                  about={email}
                  text={t('invitationRevokeHint')}
                  onConfirm={async () => {
                    await manage.revokeInvitation({ invitationId });
                    say(t('removed'));
                    await reload();
                  }}
                />
              ),
          },
        ]}
      />
    </Card>
  );
}

function Invite({ onDone, close }: { readonly onDone: () => Promise<void>; readonly close: () => void }) {
  const { t } = useLanguage();
  const { manage, say } = useConsole();
  const send = async ({ email = '', role = 'viewer' }: Values) => {
    await manage.inviteMember({ email: email.trim(), role });
    close();
    say(t('invitationSent'));
    await onDone();
  };
  return (
    <Sheet submit={t('send')} onSubmit={send}>
      <p class="hint">{t('memberInviteHint')}</p>
      <Field name="email" label={t('email')} type="email" isLatin isRequired takesFocus />
      <RoleField value="developer" />
    </Sheet>
  );
}

function Leave() {
  const { t } = useLanguage();
  const { manage, tenant } = useConsole();
  return (
    <Confirm
      label={t('leave')}
      text={t('leaveHint', { tenant: tenant.name })}
      onConfirm={async () => {
        await manage.leaveTenant({});
        location.assign('/console/');
      }}
    />
  );
}
