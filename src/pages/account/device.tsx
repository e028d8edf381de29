import { timestampDate } from '@bufbuild/protobuf/wkt';
import { useState } from 'preact/hooks';
import type { DescribeDeviceResponse } from '../../clients/web.ts';
import { Field, Form, type Values } from '../kit/form.tsx';
import { Section } from '../kit/parts.tsx';
import { SignedInAs } from './account-chooser.tsx';
import { errands } from './errand.ts';
import { useLanguage } from './language.ts';
import { ScopeList } from './scope-list.tsx';
import { useAccount } from './state.ts';

type Step =
  | { readonly at: 'code' }
  | { readonly at: 'confirm'; readonly userCode: string; readonly device: DescribeDeviceResponse }
  | { readonly at: 'done'; readonly isAllowed: boolean };

/** Lets a device in by the code that it shows; always with a look at what it is (RFC 8628, section 5.4). */
export function Device({ userCode }: { readonly userCode: string }) {
  const { t, date } = useLanguage();
  const { manam, settings } = useAccount();
  const [step, setStep] = useState<Step>({ at: 'code' });
  const look = async ({ user_code: typed = '' }: Values) =>
    setStep({
      at: 'confirm',
      userCode: typed,
      device: await manam.authorization.describeDevice({ userCode: typed }),
    });
  const decide = async (code: string, deny: boolean) => {
    await manam.authorization.decideDevice({ userCode: code, deny });
    errands.forget(settings.slug);
    setStep({ at: 'done', isAllowed: !deny });
  };
  if (step.at === 'done')
    return (
      <Section title={t('deviceTitle')} isPage key="done">
        <p role="status">{t(step.isAllowed ? 'deviceAllowed' : 'deviceRefused')}</p>
      </Section>
    );
  if (step.at === 'confirm') {
    const { application, scopes, resources, address, startTime } = step.device;
    return (
      <Section title={t('deviceConfirmTitle', { name: application?.name ?? '' })} isPage key="confirm">
        {application?.host && <p class="problem">{t('consentHost', { host: application.host })}</p>}
        <p>{t('deviceConfirmText')}</p>
        <p class="hint">
          <bdi dir="ltr">{address}</bdi> · {startTime ? date(timestampDate(startTime)) : ''}
        </p>
        <ScopeList scopes={scopes} resources={resources} />
        <SignedInAs />
        <Form
          submit={t('consentAllow')}
          onSubmit={() => decide(step.userCode, false)}
          aside={
            <button type="button" class="quiet" onClick={() => void decide(step.userCode, true)}>
              {t('consentRefuse')}
            </button>
          }
        />
      </Section>
    );
  }
  return (
    <Section title={t('deviceTitle')} isPage key="code">
      <p>{t('deviceText')}</p>
      <Form submit={t('continue')} onSubmit={look}>
        <Field name="user_code" label={t('deviceCode')} value={userCode} isLatin isRequired takesFocus />
      </Form>
    </Section>
  );
}
