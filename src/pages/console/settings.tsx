import type { JsonObject } from '@bufbuild/protobuf';
import { ManagementService } from '../../clients/management.ts';
import { CheckField, linesOf, SelectField, TextArea } from '../kit/fields.tsx';
import { Field, FieldMistake, type Values } from '../kit/form.tsx';
import { Domains } from './domains.tsx';
import { useLanguage } from './language.ts';
import { Card, Code, Confirm, Copyable, Facts, Fetched, Page, Sheet } from './parts.tsx';
import { type Policy, type PolicyAnswer, usePolicy } from './policy.ts';
import { RolesCard } from './roles.tsx';
import { useConsole } from './state.ts';

const methods = ManagementService.method;

/** The tenant itself: its addresses, its domains, its policy as a whole, and its end. */
export function Settings() {
  const { t } = useLanguage();
  const { may } = useConsole();
  const { load } = usePolicy();
  return (
    <Page title={t('settings')}>
      <Identity />
      <Card title={t('domains')} hint={t('domainsHint')}>
        <Domains />
      </Card>
      <Fetched load={load}>
        {(answer, reload) => (
          <>
            <General policy={answer.policy} reload={reload} />
            <RolesCard policy={answer.policy} reload={reload} />
            <WholePolicy answer={answer} reload={reload} />
          </>
        )}
      </Fetched>
      {may(methods.deleteTenant) && <Removal />}
    </Page>
  );
}

function Identity() {
  const { t } = useLanguage();
  const { manage } = useConsole();
  return (
    <Card title={t('addresses')} hint={t('addressesHint')}>
      <Fetched load={() => manage.getTenant({})}>
        {({ tenantId, slug, issuer, publishableKey }) => (
          <Facts
            facts={[
              [t('serviceUrl'), <Copyable key="url" text={location.origin} />],
              [t('tenantSlug'), <Code key="slug">{slug}</Code>],
              [t('tenantId'), <Code key="id">{tenantId}</Code>],
              [t('hostedPages'), <Copyable key="pages" text={`${location.origin}/account/${slug}/`} />],
              [t('issuer'), <Copyable key="issuer" text={issuer} />],
              [t('publishableKey'), <Copyable key="key" text={publishableKey} />],
            ]}
          />
        )}
      </Fetched>
    </Card>
  );
}

function General({ policy, reload }: { readonly policy: Policy; readonly reload: () => Promise<void> }) {
  const { t } = useLanguage();
  const { may, say } = useConsole();
  const { save } = usePolicy();
  const send = async (values: Values) => {
    await save({
      defaultLocale: values['locale'] ?? policy.defaultLocale,
      origins: linesOf(values['origins']),
      redirectUris: linesOf(values['redirectUris']),
      terms: { url: (values['termsUrl'] ?? '').trim(), version: (values['termsVersion'] ?? '').trim() },
      members: { requireSecondFactor: values['memberFactor'] === 'on' },
    });
    say(t('saved'));
    await reload();
  };
  const fields = (
    <>
      <SelectField
        name="locale"
        label={t('defaultLocale')}
        value={policy.defaultLocale}
        choices={[
          { value: 'en', label: t('english') },
          { value: 'fa', label: t('persian') },
        ]}
      />
      <TextArea
        name="origins"
        alsoNames={['policy.origins', 'policy.origins.']}
        label={t('origins')}
        hint={t('originsHint')}
        value={policy.origins.join('\n')}
        isLatin
      />
      <TextArea
        name="redirectUris"
        alsoNames={['policy.redirectUris', 'policy.redirectUris.']}
        label={t('returnUris')}
        hint={t('returnUrisHint')}
        value={policy.redirectUris.join('\n')}
        isLatin
      />
      <div class="row">
        <Field
          name="termsUrl"
          alsoNames={['policy.terms.url', 'policy.terms']}
          label={t('termsUrl')}
          value={policy.terms.url}
          isLatin
        />
        <Field
          name="termsVersion"
          alsoNames={['policy.terms.version']}
          label={t('termsVersion')}
          value={policy.terms.version}
          isLatin
        />
      </div>
      <CheckField
        name="memberFactor"
        label={t('memberFactor')}
        isChecked={policy.members.requireSecondFactor}
      />
    </>
  );
  return (
    <Card title={t('general')}>
      {may(methods.updatePolicy) ? (
        <Sheet submit={t('save')} onSubmit={send}>
          {fields}
        </Sheet>
      ) : (
        <fieldset disabled>{fields}</fieldset>
      )}
    </Card>
  );
}

/** The fields of a policy that differ, as a merge patch (RFC 7396): what is gone is null. */
function patchOf(before: JsonObject, after: JsonObject): JsonObject {
  const patch: JsonObject = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const next = after[name];
    if (next === undefined) patch[name] = null;
    else if (JSON.stringify(next) !== JSON.stringify(before[name])) patch[name] = next;
  }
  return patch;
}

function WholePolicy({
  answer,
  reload,
}: {
  readonly answer: PolicyAnswer;
  readonly reload: () => Promise<void>;
}) {
  const { t } = useLanguage();
  const { may, say } = useConsole();
  const { save } = usePolicy();
  const { whole, operatorFields } = answer;
  const send = async ({ policy = '' }: Values) => {
    let next: JsonObject;
    try {
      next = JSON.parse(policy) as JsonObject;
    } catch (error) {
      throw new FieldMistake('policy', error instanceof Error ? error.message : t('notJson'));
    }
    await save(patchOf(whole, next));
    say(t('saved'));
    await reload();
  };
  const field = (
    <TextArea
      name="policy"
      label={t('policyJson')}
      hint={t('policyOperators', { fields: operatorFields.join(', ') })}
      rows={16}
      value={JSON.stringify(whole, null, 2)}
      isLatin
    />
  );
  return (
    <Card>
      <details>
        <summary>{t('policyWhole')}</summary>
        {may(methods.updatePolicy) ? (
          <Sheet submit={t('save')} onSubmit={send}>
            {field}
          </Sheet>
        ) : (
          <fieldset disabled>{field}</fieldset>
        )}
      </details>
    </Card>
  );
}

function Removal() {
  const { t } = useLanguage();
  const { manage, tenant } = useConsole();
  return (
    <Card title={t('tenantDelete')} hint={t('tenantDeleteHint')}>
      <Confirm
        label={t('tenantDelete')}
        text={t('tenantDeleteAsk', { slug: tenant.slug })}
        onConfirm={async ({ slug = '' }) => {
          await manage.deleteTenant({ slug: slug.trim() });
          location.assign('/console/');
        }}
      >
        <Field name="slug" label={t('tenantSlug')} isLatin isRequired />
      </Confirm>
    </Card>
  );
}
