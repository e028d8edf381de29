import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Failure } from '../../clients/web.ts';
import { CodeField, codeIn, Field, Form, type Values } from '../kit/form.tsx';
import { toLatinDigits } from '../kit/language.ts';
import { Loaded } from '../kit/loaded.tsx';
import { Progress, StepTitle } from '../kit/parts.tsx';
import { useAwaitedToken } from './awaited-token.ts';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

export type Factor = 'totp' | 'sms';

export type EnrolFactorProps = {
  readonly factor: Factor;
  /** Called with the recovery codes that came with it; none where there were some already. */
  readonly onDone: (recoveryCodes: readonly string[]) => Promise<void>;
  readonly onCancel: () => void;
};

const steps = ['ask', 'prove', 'set up'] as const;
type Step = (typeof steps)[number];

/** Setting up a factor, step by step: a proof to the own address, the factor, a code of it. */
export function EnrolFactor({ factor, onDone, onCancel }: EnrolFactorProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [step, setStep] = useState<Step>('ask');
  // The service knows the address, and sends nothing to any other.
  const send = async () => {
    if (factor === 'totp') await manam.twoFactor.sendTotpEmailVerification({});
    else await manam.twoFactor.sendSmsEmailVerification({});
    setStep('prove');
  };
  const prove = async (token: string) => {
    if (factor === 'totp') await manam.twoFactor.confirmTotpEmail({ token });
    else await manam.twoFactor.confirmSmsEmail({ token });
    setStep('set up');
  };
  const problem = useAwaitedToken(step === 'prove' ? factor : undefined, prove);
  const cancel = (
    <button type="button" class="quiet" onClick={onCancel}>
      {t('cancel')}
    </button>
  );
  // Where a step has become too old, all of them begin anew.
  const help = ({ reason }: Failure) =>
    reason === 'STEP_MISSING' && (
      <button type="button" class="quiet" onClick={() => setStep('ask')}>
        {t('beginAgain')}
      </button>
    );
  const setUp = { onDone, cancel, help };
  return (
    <div class="step">
      <Progress step={steps.indexOf(step) + 1} of={steps.length} />
      <StepTitle key={step}>{t(factor)}</StepTitle>
      {step === 'ask' && (
        <Form submit={t('continue')} aside={cancel} onSubmit={send}>
          <p>{t('proofIntro')}</p>
        </Form>
      )}
      {step === 'prove' && (
        <Form
          submit={t('continue')}
          onSubmit={(values) => prove(codeIn(values))}
          aside={cancel}
          help={help}
          problem={problem}
        >
          <p>{t('proofSent')}</p>
          <CodeField name="code" label={t('proofCode')} isLong />
        </Form>
      )}
      {step === 'set up' && (factor === 'totp' ? <SetUpTotp {...setUp} /> : <SetUpSms {...setUp} />)}
    </div>
  );
}

type SetUpProps = Pick<EnrolFactorProps, 'onDone'> & {
  readonly cancel: ComponentChildren;
  readonly help: (failure: Failure) => ComponentChildren;
};

/** The picture for the authenticator app, and the code that it then shows. */
function SetUpTotp({ onDone, cancel, help }: SetUpProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const load = async () => {
    const { secret, otpauthUri } = await manam.twoFactor.setupTotp({});
    const { image, contentType } = await manam.twoFactor.getTotpQr({});
    const picture = URL.createObjectURL(new Blob([new Uint8Array(image)], { type: contentType }));
    return { secret, otpauthUri, picture };
  };
  const submit = async (values: Values) => {
    const { recoveryCodes } = await manam.twoFactor.confirmTotp({ code: codeIn(values) });
    await onDone(recoveryCodes);
  };
  return (
    <Loaded load={load}>
      {({ secret, otpauthUri, picture }) => (
        <Form submit={t('confirm')} onSubmit={submit} aside={cancel} help={help}>
          <p>{t('scanTitle')}</p>
          <a href={otpauthUri}>
            <img class="qr" src={picture} alt={t('qrLabel')} />
          </a>
          <p class="hint">{t('scanHint')}</p>
          <code class="secret" dir="ltr">
            {secret.replaceAll(/(.{4})(?=.)/g, '$1 ')}
          </code>
          <CodeField name="code" label={t('scanCode')} />
        </Form>
      )}
    </Loaded>
  );
}

function SetUpSms({ onDone, cancel, help }: SetUpProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [number, setNumber] = useState('');
  const send = async ({ phone_number = '' }: Values) => {
    const phoneNumber = toLatinDigits(phone_number).trim();
    await manam.twoFactor.setupSms({ phoneNumber });
    setNumber(phoneNumber);
  };
  const submit = async (values: Values) => {
    const { recoveryCodes } = await manam.twoFactor.confirmSmsFactor({ code: codeIn(values) });
    await onDone(recoveryCodes);
  };
  if (number === '')
    return (
      <Form submit={t('continue')} onSubmit={send} aside={cancel} help={help}>
        <Field
          name="phone_number"
          label={t('mobile')}
          type="tel"
          autocomplete="tel"
          isLatin
          isRequired
          takesFocus
        />
      </Form>
    );
  return (
    <>
      <Form submit={t('confirm')} onSubmit={submit} aside={cancel} help={help}>
        <p>{t('changeSmsSent', { address: number })}</p>
        <CodeField name="code" label={t('code')} />
      </Form>
      <button type="button" class="quiet" onClick={() => setNumber('')}>
        {t('change')}
      </button>
    </>
  );
}
