import { useState } from 'preact/hooks';
import { type ManagedUser, ManagementService } from '../../clients/management.ts';
import { SelectField, TextArea } from '../kit/fields.tsx';
import { Field, Form, type Values } from '../kit/form.tsx';
import { toLatinDigits } from '../kit/language.ts';
import { PasswordField } from '../kit/password-field.tsx';
import { Confirm, Opener } from './dialogs.tsx';
import { useLanguage } from './language.ts';
import { Card, Copyable, Fetched } from './parts.tsx';
import { usePolicy } from './policy.ts';
import { Sheet } from './sheet.tsx';
import { useConsole } from './state.ts';

type ActionProps = { readonly user: ManagedUser; readonly onDone: () => Promise<void> };

const methods = ManagementService.method;

/** Roles as people type them. */
const rolesIn = (text: string) =>
  text
    .split(/[\s,،]+/)
    .map((role) => role.trim())
    .filter((role) => role !== '');

/** What a form changed of a user: only that is sent, so that a mistake in another field is no matter. */
function changesOf(user: ManagedUser, values: Values) {
  const { email = '', mobile = '', firstName = '', lastName = '', locale = '', roles = '' } = values;
  const next = {
    email: email.trim(),
    mobile: toLatinDigits(mobile.trim()),
    firstName: firstName.trim(),
    lastName: lastName.trim(),
    locale,
  };
  const paths = (Object.keys(next) as (keyof typeof next)[]).filter((field) => next[field] !== user[field]);
  const wanted = rolesIn(roles);
  const hasOtherRoles = [...wanted].sort().join() !== [...user.roles].sort().join();
  return {
    ...Object.fromEntries(paths.map((field) => [field, next[field]])),
    ...(hasOtherRoles && { roles: wanted }),
    updateMask: { paths: [...paths.map(snake), ...(hasOtherRoles ? ['roles'] : [])] },
  };
}

const snake = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Changes what is known of a user. */
export function EditUser({ user, onDone }: ActionProps) {
  const { t } = useLanguage();
  const { manage, say } = useConsole();
  const save = async (values: Values) => {
    const changes = changesOf(user, values);
    if (changes.updateMask.paths.length > 0) await manage.updateUser({ userId: user.userId, ...changes });
    say(t('saved'));
    await onDone();
  };
  return (
    <Opener label={t('edit')} title={t('userEdit')}>
      {(close) => (
        <Sheet submit={t('save')} onSubmit={(values) => save(values).then(close)}>
          <div class="row">
            <Field
              name="firstName"
              alsoNames={['first_name']}
              label={t('firstName')}
              value={user.firstName}
            />
            <Field name="lastName" alsoNames={['last_name']} label={t('lastName')} value={user.lastName} />
          </div>
          <Field name="email" label={t('email')} type="email" isLatin value={user.email} />
          <Field name="mobile" label={t('mobile')} type="tel" isLatin value={user.mobile} />
          <Field
            name="roles"
            label={t('roles')}
            hint={t('rolesHint')}
            isLatin
            value={user.roles.join(', ')}
          />
          <SelectField
            name="locale"
            label={t('speaks')}
            value={user.locale}
            choices={[
              { value: '', label: '–' },
              { value: 'en', label: t('english') },
              { value: 'fa', label: t('persian') },
            ]}
          />
        </Sheet>
      )}
    </Opener>
  );
}

/** Help with the ways to sign in. */
export function Credentials({ user, onDone }: ActionProps) {
  const { t } = useLanguage();
  const { manage, may, say } = useConsole();
  const { load } = usePolicy();
  const { userId, email, mobile } = user;
  const isUnproved = (email !== '' && !user.emailConfirmed) || (mobile !== '' && !user.mobileConfirmed);
  const done = async (text: string) => {
    say(text);
    await onDone();
  };
  return (
    <div class="actions">
      {may(methods.sendUserRecovery) && (
        <Opener label={t('sendRecovery')}>
          {(close) => (
            <Sheet
              submit={t('send')}
              onSubmit={async ({ channel = 'email' }) => {
                await manage.sendUserRecovery({ userId, channel });
                close();
                await done(t('recoverySent'));
              }}
            >
              <p>{t('sendRecoveryHint')}</p>
              <SelectField
                name="channel"
                label={t('reachedAt')}
                choices={[
                  ...(email === '' ? [] : [{ value: 'email', label: email }]),
                  ...(mobile === '' ? [] : [{ value: 'mobile', label: mobile }]),
                ]}
              />
            </Sheet>
          )}
        </Opener>
      )}
      {may(methods.confirmUser) && isUnproved && (
        <Confirm
          label={t('confirmUser')}
          text={t('confirmUserHint')}
          weight="quiet"
          onConfirm={async () => {
            await manage.confirmUser({ userId });
            await done(t('saved'));
          }}
        />
      )}
      {may(methods.setUserPassword) && (
        <Opener label={t('setPassword')}>
          {(close) => (
            <Sheet
              submit={t('setPassword')}
              onSubmit={async ({ password = '' }) => {
                await manage.setUserPassword({ userId, password });
                close();
                await done(t('passwordSet'));
              }}
            >
              <p class="hint">{t('setPasswordHint')}</p>
              <Fetched load={load}>
                {({ policy }) => <PasswordField isNew takesFocus minLength={policy.password.minLength} />}
              </Fetched>
            </Sheet>
          )}
        </Opener>
      )}
      {may(methods.resetUserAuthenticators) && (
        <Confirm
          label={t('resetFactors')}
          text={t('resetFactorsHint')}
          onConfirm={async () => {
            await manage.resetUserAuthenticators({ userId });
            await done(t('factorsReset'));
          }}
        />
      )}
    </div>
  );
}

/** What ends or opens an account as a whole. */
export function AccountActions({ user, onDone }: ActionProps) {
  const { t } = useLanguage();
  const { manage, may, say, go } = useConsole();
  const { userId, state } = user;
  const mayAny = [methods.disableUser, methods.deleteUser, methods.impersonateUser].some(may);
  if (!mayAny) return null;
  return (
    <Card title={t('account')}>
      <div class="actions">
        {may(methods.impersonateUser) && <Impersonate user={user} />}
        {may(methods.disableUser) && state === 'disabled' && (
          <Form
            submit={t('enable')}
            weight="quiet"
            onSubmit={async () => {
              await manage.enableUser({ userId });
              say(t('userEnabled'));
              await onDone();
            }}
          />
        )}
        {may(methods.disableUser) && state !== 'disabled' && (
          <Confirm
            label={t('disable')}
            text={t('disableHint')}
            onConfirm={async () => {
              await manage.disableUser({ userId });
              say(t('userDisabled'));
              await onDone();
            }}
          />
        )}
        {may(methods.deleteUser) && (
          <Confirm
            label={t('delete')}
            text={t('deleteHint')}
            onConfirm={async () => {
              await manage.deleteUser({ userId });
              go('users', t('userDeleted'));
            }}
          />
        )}
      </div>
    </Card>
  );
}

/** A token that shows an account as its user sees it. */
function Impersonate({ user: { userId } }: { readonly user: ManagedUser }) {
  const { t } = useLanguage();
  return <Opener label={t('impersonate')}>{() => <AskToken userId={userId} />}</Opener>;
}

function AskToken({ userId }: { readonly userId: string }) {
  const { t } = useLanguage();
  const { manage } = useConsole();
  const [token, setToken] = useState('');
  if (token !== '')
    return (
      <>
        <p role="status">{t('impersonateToken')}</p>
        <Copyable text={token} />
      </>
    );
  return (
    <Sheet
      submit={t('impersonate')}
      onSubmit={async ({ reason = '' }) =>
        setToken((await manage.impersonateUser({ userId, reason })).accessToken)
      }
    >
      <p>{t('impersonateHint')}</p>
      <TextArea name="reason" label={t('impersonateReason')} />
    </Sheet>
  );
}
