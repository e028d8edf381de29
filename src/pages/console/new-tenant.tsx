import { useState } from 'preact/hooks';
import { type CreateTenantResponse, ManagementService } from '../../clients/management.ts';
import { Field, Form, type Values } from '../kit/form.tsx';
import { useSite } from '../kit/site.ts';
import { useLanguage } from './language.ts';
import { Secret } from './parts.tsx';

/** Creates a tenant for a user of Manam, and shows its keys once. */
export function NewTenant({ onGoOn }: { readonly onGoOn: (slug: string) => Promise<void> }) {
  const { t } = useLanguage();
  const { manam } = useSite();
  const [made, setMade] = useState<CreateTenantResponse>();
  const create = async ({ name = '', slug = '' }: Values) =>
    setMade(await manam.clientOf(ManagementService).createTenant({ name, slug }));
  if (made !== undefined)
    return (
      <>
        <h1>{t('tenantMade', { tenant: made.tenant?.name ?? '' })}</h1>
        <p role="status">{t('tenantKeysHint')}</p>
        <Secret label={t('tenantPublishable')} text={made.publishableKey} isPublic />
        <Secret label={t('tenantSecret')} text={made.secretKey} />
        <p class="hint">{t('tenantConfined')}</p>
        <Form submit={t('keysKept')} onSubmit={() => onGoOn(made.tenant?.slug ?? '')} />
      </>
    );
  return (
    <>
      <h1>{t('tenantNew')}</h1>
      <p>{t('tenantNewHint')}</p>
      <Form submit={t('tenantCreate')} onSubmit={create}>
        <Field name="name" label={t('tenantName')} isRequired takesFocus />
        <Field name="slug" label={t('tenantSlug')} hint={t('tenantSlugHint')} isLatin isRequired />
      </Form>
    </>
  );
}
