import { useRef, useState } from 'preact/hooks';
import { bearer, confirmWithPasskey, type Failure, hasPasskeys, TwoFactorMethod } from '../../clients/web.ts';
import { useCeremony } from '../kit/ceremony.ts';
import { CodeField, codeIn, Form, type Values } from '../kit/form.tsx';
import { Section } from '../kit/parts.tsx';
import { LostFactors } from './factor-reset.tsx';
import { useLanguage } from './language.ts';
import { type Stage, useAccount } from './state.ts';

type Way = 'totp' | 'sms' | 'recovery';

/** The second factor of a sign-in: the app, an SMS, or a recovery code. */
export function SecondFactor({ challenge }: Extract<Stage, { at: 'second-factor' }>) {
  const { t } = useLanguage();
  const { manam, enter, attempt, settings, setStage, go } = useAccount();
  const { twoFactorToken, twoFactorMethods, maskedPhoneNumber } = challenge;
  const hasTotp = twoFactorMethods.includes(TwoFactorMethod.TOTP);
  const hasSms = twoFactorMethods.includes(TwoFactorMethod.SMS);
  const hasPasskey = twoFactorMethods.includes(TwoFactorMethod.PASSKEY) && hasPasskeys();
  const isValidated = useRef(false);
  const [rememberDevice, setRememberDevice] = useState(false);
  const [way, setWay] = useState<Way>(hasTotp ? 'totp' : hasSms ? 'sms' : 'recovery');
  const options = { headers: bearer(twoFactorToken) };
  const number = maskedPhoneNumber.slice(-4);

  const submit = async (values: Values) => {
    const code = codeIn(values);
    const answer = { ...(way === 'recovery' ? { recoveryCode: code } : { code }), rememberDevice };
    // Where only what comes behind the sign-in has failed, the code has done its work.
    if (isValidated.current) return await enter();
    if (!hasSms || (hasTotp && way !== 'sms')) await manam.twoFactor.validateTotp(answer, options);
    else await manam.twoFactor.validateSms(answer, options);
    isValidated.current = true;
    await enter();
  };
  const run = useCeremony();
  const usePasskey = async () => {
    await run(() => confirmWithPasskey(manam, options, { rememberDevice }));
    await enter();
  };
  const sendSms = async () => {
    await attempt(() => manam.twoFactor.sendSmsCode({}, options));
    setWay('sms');
  };
  // Where the sign-in itself has ended, the password has to come first again.
  const help = ({ reason }: Failure) =>
    reason === 'TOKEN_INVALID' && (
      <button type="button" class="quiet" onClick={() => setStage({ at: 'outside' })}>
        {t('signIn')}
      </button>
    );
  const hints = { totp: t('totpHint'), sms: t('smsHint', { number }), recovery: t('recoveryHint') };
  return (
    <Section title={t('secondFactorTitle')} isPage>
      <Form key={way} submit={t('continue')} onSubmit={submit} help={help}>
        <CodeField
          name="code"
          label={t(way === 'recovery' ? 'recoveryCode' : 'code')}
          hint={hints[way]}
          takesFocus
          isLong={way === 'recovery'}
        />
        {settings.rememberDeviceDays > 0 && (
          <RememberDevice
            days={settings.rememberDeviceDays}
            checked={rememberDevice}
            onChange={setRememberDevice}
          />
        )}
      </Form>
      <div class="choices">
        {hasPasskey && <Choice label={t('passkeyUse')} onChoose={usePasskey} />}
        {hasTotp && way !== 'totp' && <Choice label={t('useTotp')} onChoose={async () => setWay('totp')} />}
        {hasSms && (
          <Choice
            label={t(way === 'sms' ? 'sendAgain' : 'useSms')}
            onChoose={sendSms}
            done={t('sentAgain')}
          />
        )}
        {way !== 'recovery' && <Choice label={t('useRecovery')} onChoose={async () => setWay('recovery')} />}
      </div>
      {way === 'recovery' && <LostFactors call={options} />}
      <button
        type="button"
        class="quiet"
        onClick={() => {
          setStage({ at: 'outside' });
          go('');
        }}
      >
        {t('back')}
      </button>
    </Section>
  );
}

type RememberDeviceProps = {
  readonly days: number;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
};

/** Spares this device the second factor for some days. */
function RememberDevice({ days, checked, onChange }: RememberDeviceProps) {
  const { t } = useLanguage();
  return (
    <div class="field check">
      <label>
        <input
          type="checkbox"
          name="remember_device"
          checked={checked}
          onChange={({ currentTarget }) => onChange(currentTarget.checked)}
        />{' '}
        {t('rememberDevice', { days })}
      </label>
    </div>
  );
}

type ChoiceProps = { readonly label: string; readonly onChoose: () => Promise<void>; readonly done?: string };

/** Another way to sign in, as a separate form with its own error. */
function Choice({ label, onChoose, done = '' }: ChoiceProps) {
  const [said, setSaid] = useState('');
  const choose = async () => {
    setSaid('');
    await onChoose();
    setSaid(done);
  };
  return <Form submit={label} onSubmit={choose} weight="quiet" aside={<span role="status">{said}</span>} />;
}
