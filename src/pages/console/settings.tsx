import type { JsonObject } from '@bufbuild/protobuf';
import { ManagementService } from '../../clients/management.ts';
import type { TenantPolicy } from '../../domain/policy.ts';
import { CheckField, linesOf, SelectField, TextArea } from '../kit/fields.tsx';
import { Field, FieldMistake, PageMistake, type Values } from '../kit/form.tsx';
import { Confirm } from './dialogs.tsx';
import { Domains } from './domains.tsx';
import { useLanguage } from './language.ts';
import { Card, Code, Copyable, Facts, Fetched, Page } from './parts.tsx';
import { type PolicyAnswer, usePolicy } from './policy.ts';
import { RolesCard } from './roles.tsx';
import { Editable } from './sheet.tsx';
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
        <Fetched load={load}>{({ policy }, reload) => <Sender policy={policy} reload={reload} />}</Fetched>
      </Card>
      <Fetched load={load}>
        {(answer, reload) => (
          <>
            <General policy={answer.policy} reload={reload} />
            <RolesCard policy={answer.policy} reload={reload} />
            <WholePolicy key={JSON.stringify(answer.whole)} answer={answer} reload={reload} />
          </>
        )}
      </Fetched>
      {may(methods.deleteTenant) && <Removal />}
    </Page>
  );
}

/** The address that the tenant's e-mails come from: below a proved domain it is the tenant's own. */
function Sender({ policy, reload }: { readonly policy: TenantPolicy; readonly reload: () => Promise<void> }) {
  const { t } = useLanguage();
  const { say } = useConsole();
  const { save } = usePolicy();
  const send = async ({ sender = '' }: Values) => {
    const address = sender.trim();
    await save({ senders: { default: address, addresses: [address] } });
    say(t('saved'));
    await reload();
  };
  return (
    <Editable method={methods.updatePolicy} onSave={send}>
      <Field
        name="sender"
        alsoNames={['policy.senders.default', 'policy.senders.']}
        label={t('sender')}
        hint={t('senderHint')}
        value={policy.senders.default}
        isLatin
      />
    </Editable>
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

function General({
  policy,
  reload,
}: {
  readonly policy: TenantPolicy;
  readonly reload: () => Promise<void>;
}) {
  const { t } = useLanguage();
  const { say, manam } = useConsole();
  const { save } = usePolicy();
  const send = async (values: Values) => {
    const isNewDemand = values['memberFactor'] === 'on' && !policy.members.requireSecondFactor;
    // Whoever demands it is held to it with the next call.
    if (isNewDemand && (await manam.twoFactor.getTwoFactor({})).methods.length === 0)
      throw new PageMistake(t('memberFactorFirst'));
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
      <Editable method={ManagementService.method.updatePolicy} onSave={send}>
        {fields}
      </Editable>
    </Card>
  );
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What differs, as a merge patch (RFC 7396): what is gone is null, at any depth. */
function patchOf(before: JsonObject, after: JsonObject): JsonObject {
  const patch: JsonObject = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [former, next] = [before[name], after[name]];
    if (next === undefined) patch[name] = null;
    else if (isObject(former) && isObject(next)) {
      const inner = patchOf(former, next);
      if (Object.keys(inner).length > 0) patch[name] = inner;
    } else if (JSON.stringify(next) !== JSON.stringify(former)) patch[name] = next;
  }
  return patch;
}

/** Reads an object; throws where the text is none. */
function parseObject(text: string, mistake: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Said below, in the language of the page.
  }
  throw new FieldMistake('policy', mistake);
}

function WholePolicy({
  answer,
  reload,
}: {
  readonly answer: PolicyAnswer;
  readonly reload: () => Promise<void>;
}) {
  const { t } = useLanguage();
  const { say } = useConsole();
  const { save } = usePolicy();
  const { whole, operatorFields } = answer;
  const send = async ({ policy = '' }: Values) => {
    await save(patchOf(whole, parseObject(policy, t('notJson'))));
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
        <Editable method={ManagementService.method.updatePolicy} onSave={send}>
          {field}
        </Editable>
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
