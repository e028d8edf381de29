import { useEffect, useState } from 'preact/hooks';
import { SelectField } from '../kit/fields.tsx';
import { CopyButton, Link } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { Card, Fetched, Tag } from './parts.tsx';
import { snippetsFor } from './snippets.ts';
import { useConsole } from './state.ts';

/** Pause between two looks for the first sign-in, in milliseconds. */
const lookMs = 3000;

/** The way to a first sign-in: the tenant's own page, or lines to copy; and whether someone has signed in. */
export function GettingStarted() {
  const { t } = useLanguage();
  const { manage, tenant } = useConsole();
  return (
    <Card title={t('startTitle')} hint={t('startHint')} actions={<FirstSignIn />}>
      <ol class="steps">
        <li>
          <p>{t('startPage')}</p>
          <a class="button quiet" href={`/account/${tenant.slug}/sign-up`} target="_blank" rel="noreferrer">
            {t('startOpen')}
          </a>
        </li>
        <li>
          <p>{t('startSnippet')}</p>
          <Fetched load={() => manage.getTenant({})}>
            {({ publishableKey }) => <Snippets publishableKey={publishableKey} />}
          </Fetched>
        </li>
        <li>
          <p>
            {t('startOpenId')} <Link to="applications">{t('applications')}</Link>
          </p>
        </li>
      </ol>
    </Card>
  );
}

function Snippets({ publishableKey }: { readonly publishableKey: string }) {
  const { t } = useLanguage();
  const snippets = snippetsFor({ url: location.origin, key: publishableKey });
  const [name, setName] = useState(snippets[0]?.name ?? '');
  const text = snippets.find((each) => each.name === name)?.text ?? '';
  return (
    <>
      <SelectField
        name="snippet"
        label={t('startLanguage')}
        choices={snippets.map((each) => ({ value: each.name, label: each.name }))}
        value={name}
        onChange={setName}
      />
      <pre class="snippet" dir="ltr">
        {text}
      </pre>
      <CopyButton text={text} />
    </>
  );
}

/** Waits for the first session of a user. */
function FirstSignIn() {
  const { t } = useLanguage();
  const { events } = useConsole();
  const [hasArrived, setArrived] = useState(false);
  useEffect(() => {
    if (hasArrived) return;
    const look = async () => {
      const query = { newestFirst: true, limit: 1, types: ['session.started'] };
      const { events: found } = await events.listEvents(query);
      if (found.length > 0) setArrived(true);
    };
    // What fails now works at the next look.
    const timer = setInterval(() => void look().catch(() => {}), lookMs);
    return () => clearInterval(timer);
  }, [hasArrived]);
  return (
    <span role="status">
      <Tag tone={hasArrived ? 'good' : 'plain'}>{t(hasArrived ? 'startArrived' : 'startWaiting')}</Tag>
    </span>
  );
}
