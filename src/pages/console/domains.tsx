import { ManagementService, type TenantDomain } from '../../clients/management.ts';
import { Field, Form } from '../kit/form.tsx';
import { Confirm } from './dialogs.tsx';
import { useLanguage } from './language.ts';
import { Copyable, Empty, Facts, Fetched, Tag } from './parts.tsx';
import { Sheet } from './sheet.tsx';
import { useConsole } from './state.ts';

/** The domains that the tenant has proved, or is about to. */
export function Domains() {
  const { t } = useLanguage();
  const { manage, may, say } = useConsole();
  const mayChange = may(ManagementService.method.addDomain);
  return (
    <Fetched load={async () => (await manage.listDomains({})).domains}>
      {(domains, reload) => (
        <>
          {domains.length === 0 && <Empty icon="tenant" title={t('domainsNone')} />}
          {domains.map((domain) => (
            <DomainRow key={domain.domain} domain={domain} reload={reload} mayChange={mayChange} />
          ))}
          {mayChange && (
            <Sheet
              key={domains.length}
              submit={t('domainAdd')}
              weight="quiet"
              onSubmit={async ({ domain = '' }) => {
                await manage.addDomain({ domain: domain.trim() });
                say(t('domainAdded'));
                await reload();
              }}
            >
              <Field name="domain" label={t('domain')} isLatin />
            </Sheet>
          )}
        </>
      )}
    </Fetched>
  );
}

type RowProps = {
  readonly domain: TenantDomain;
  readonly reload: () => Promise<void>;
  readonly mayChange: boolean;
};

function DomainRow({ domain, reload, mayChange }: RowProps) {
  const { t } = useLanguage();
  const { manage, say } = useConsole();
  const { domain: name, verified, recordName, recordContent } = domain;
  return (
    <div class="domain">
      <h3>
        <bdi dir="ltr">{name}</bdi>{' '}
        <Tag tone={verified ? 'good' : 'plain'}>{t(verified ? 'domainProved' : 'domainWaits')}</Tag>
      </h3>
      {!verified && (
        <>
          <p class="hint">{t('domainRecord')}</p>
          <Facts
            facts={[
              [t('recordName'), <Copyable key="name" text={recordName} />],
              [t('recordContent'), <Copyable key="content" text={recordContent} />],
            ]}
          />
        </>
      )}
      {mayChange && (
        <div class="actions">
          {!verified && (
            <Form
              submit={t('domainVerify')}
              about={name}
              weight="quiet"
              onSubmit={async () => {
                await manage.verifyDomain({ domain: name });
                say(t('domainIsProved'));
                await reload();
              }}
            />
          )}
          <Confirm
            label={t('remove')}
            about={name}
            text={t('domainRemoveHint')}
            onConfirm={async () => {
              await manage.removeDomain({ domain: name });
              say(t('removed'));
              await reload();
            }}
          />
        </div>
      )}
    </div>
  );
}
