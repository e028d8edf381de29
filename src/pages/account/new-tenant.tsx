import { useState } from 'preact/hooks';
import { type CreateTenantResponse, ManagementService } from '../../clients/management.ts';
import { Field, Form, type Values } from '../kit/form.tsx';
import { CopyButton, Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** A key with a button that copies it. */
function Key({ name, text }: { readonly name: string; readonly text: string }) {
  return (
    <>
      <p>{name}</p>
      <code class="secret" dir="ltr">
        {text}
      </code>
      <div class="choices">
        <CopyButton text={text} />
      </div>
    </>
  );
}

/** Creates a tenant for a user of Manam, and shows its keys once. */
export function NewTenant() {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [made, setMade] = useState<CreateTenantResponse>();
  const create = async ({ name = '', slug = '' }: Values) =>
    setMade(await manam.clientOf(ManagementService).createTenant({ name, slug }));
  if (made !== undefined)
    return (
      <Section title={t('tenantMade', { tenant: made.tenant?.name ?? '' })} isPage key="made">
        <p role="status">{t('tenantKeysHint')}</p>
        <Key name={t('tenantPublishable')} text={made.publishableKey} />
        <Key name={t('tenantSecret')} text={made.secretKey} />
        <p class="hint">{t('tenantConfined')}</p>
      </Section>
    );
  return (
    <Section title={t('tenantNew')} isPage key="new">
      <p>{t('tenantNewHint')}</p>
      <Form submit={t('tenantCreate')} onSubmit={create}>
        <Field name="name" label={t('tenantName')} isRequired takesFocus />
        <Field name="slug" label={t('tenantSlug')} isLatin isRequired />
        <p class="hint">{t('tenantSlugHint')}</p>
      </Form>
    </Section>
  );
}
