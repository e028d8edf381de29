import { useState } from 'preact/hooks';
import { ManagementService, type MyTenant } from '../../clients/management.ts';
import { Form } from '../kit/form.tsx';
import { Link, Section } from '../kit/parts.tsx';
import { SignedInAs } from './account-chooser.tsx';
import { errands } from './errand.ts';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';
import type { Words } from './words.en.ts';

const roleWords: Readonly<Record<string, keyof Words>> = {
  viewer: 'roleViewer',
  support: 'roleSupport',
  developer: 'roleDeveloper',
  admin: 'roleAdmin',
  owner: 'roleOwner',
};

/** Takes an invitation to become one of the people who run a tenant. It waits for a press, as every link does. */
export function Invitation({ token }: { readonly token: string }) {
  const { t } = useLanguage();
  const { manam, settings } = useAccount();
  const [joined, setJoined] = useState<MyTenant>();
  const accept = async () => {
    const { tenant } = await manam.clientOf(ManagementService).acceptInvitation({ token });
    errands.forget(settings.slug);
    setJoined(tenant);
  };
  if (joined !== undefined) {
    const role = roleWords[joined.role];
    return (
      <Section title={t('invitationTitle')} isPage key="joined">
        <p role="status">{t('invitationDone', { tenant: joined.name })}</p>
        {role !== undefined && <p class="hint">{t('roleLabel', { role: t(role) })}</p>}
        <Link to="">{t('account')}</Link>
      </Section>
    );
  }
  return (
    <Section title={t('invitationTitle')} isPage key="ask">
      <p>{t('invitationText')}</p>
      <SignedInAs />
      <Form submit={t('invitationAccept')} onSubmit={accept} />
    </Section>
  );
}
