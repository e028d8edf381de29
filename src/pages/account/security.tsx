import { useState } from 'preact/hooks';
import { type GetTwoFactorResponse, TwoFactorMethod } from '../../clients/web.ts';
import { CodeField, codeIn, Form, type Values } from '../kit/form.tsx';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { PasswordField } from '../kit/password-field.tsx';
import { SendCode } from '../kit/send-code.tsx';
import { Applications } from './applications.tsx';
import { DeleteAccount } from './delete-account.tsx';
import { EnrolFactor, type Factor } from './enrol-factor.tsx';
import { WaitingReset, WaitingUndo } from './factor-reset.tsx';
import { useLanguage } from './language.ts';
import { Passkeys } from './passkeys.tsx';
import { messageOf } from './provider-failures.ts';
import { LinkedProviders } from './providers.tsx';
import { RecoveryCodes } from './recovery-codes.tsx';
import { useAccount } from './state.ts';
import { TrustedDevices } from './trusted-devices.tsx';

/** Password, second factors, and the end of the account. */
export function Security() {
  const { t } = useLanguage();
  const { query } = useAccount();
  const [round, setRound] = useState(0);
  const failure = query.get('error') ?? '';
  return (
    <Section title={t('security')} isPage>
      {failure !== '' && (
        <p role="alert" class="problem">
          {t(messageOf(failure))}
        </p>
      )}
      <ChangePassword key={round} />
      <Passkeys onPasswordOff={() => setRound(round + 1)} />
      <Section title={t('twoFactor')}>
        <p class="hint">{t('twoFactorHint')}</p>
        <Factors />
      </Section>
      <LinkedProviders />
      <Applications />
      <TrustedDevices />
      <DeleteAccount />
    </Section>
  );
}

function ChangePassword() {
  const { manam } = useAccount();
  const [times, setTimes] = useState(0);
  return (
    <Loaded load={() => manam.twoFactor.getTwoFactor({})}>
      {({ hasPassword }, reload) => (
        <PasswordForm
          key={times}
          hasPassword={hasPassword}
          isChanged={times > 0}
          onChanged={async () => {
            await reload();
            setTimes(times + 1);
          }}
        />
      )}
    </Loaded>
  );
}

type PasswordFormProps = {
  /** Someone who signs in by code or by a provider need not have one. */
  readonly hasPassword: boolean;
  readonly isChanged: boolean;
  readonly onChanged: () => Promise<void>;
};

function PasswordForm({ hasPassword, isChanged, onChanged }: PasswordFormProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const title = t(hasPassword ? 'changePassword' : 'setPassword');
  const submit = async ({ current_password = '', password = '' }: Values) => {
    await manam.recovery.changePassword({ currentPassword: current_password, password });
    await onChanged();
  };
  return (
    <Section title={title}>
      <p role="status">{isChanged ? t('passwordChanged') : ''}</p>
      <Form submit={title} onSubmit={submit}>
        {hasPassword && <PasswordField name="current_password" label={t('currentPassword')} />}
        <PasswordField isNew />
      </Form>
    </Section>
  );
}

const methods = { totp: TwoFactorMethod.TOTP, sms: TwoFactorMethod.SMS } as const;

type Doing = { readonly what: 'enrol' | 'remove'; readonly factor: Factor };

/** The second factors: what is on, and what can be set up. */
export function Factors({ onEnrolled }: { readonly onEnrolled?: () => Promise<void> }) {
  const { manam } = useAccount();
  const [codes, setCodes] = useState<readonly string[]>([]);
  const finish = async (reload: () => Promise<void>) => {
    await (onEnrolled ?? reload)();
    // Only now: until all of it is done the codes are the way back.
    setCodes([]);
  };
  return (
    <Loaded load={() => manam.twoFactor.getTwoFactor({})}>
      {(state, reload) =>
        codes.length > 0 ? (
          <RecoveryCodes codes={codes} onKept={() => finish(reload)} />
        ) : (
          <FactorList
            // A change of the factors closes the open step.
            key={state.methods.join()}
            state={state}
            reload={() => finish(reload)}
            onCodes={async (made) => {
              if (made.length > 0) setCodes(made);
              else await finish(reload);
            }}
          />
        )
      }
    </Loaded>
  );
}

type FactorListProps = {
  readonly state: GetTwoFactorResponse;
  readonly reload: () => Promise<void>;
  readonly onCodes: (codes: readonly string[]) => Promise<void>;
};

function FactorList({ state, reload, onCodes }: FactorListProps) {
  const { t } = useLanguage();
  const { manam, settings } = useAccount();
  const [doing, setDoing] = useState<Doing>();
  const end = () => setDoing(undefined);
  const isOn = (factor: Factor) => state.methods.includes(methods[factor]);
  const factors = (['totp', 'sms'] as const).filter(
    (factor) => factor === 'totp' || settings.takesMobiles || isOn(factor),
  );
  if (doing?.what === 'enrol') return <EnrolFactor factor={doing.factor} onDone={onCodes} onCancel={end} />;
  return (
    <>
      <WaitingReset state={state} reload={reload} />
      <WaitingUndo state={state} reload={reload} />
      <dl>
        {factors.map((factor) => (
          <div key={factor} class="held">
            <dt>{t(factor)}</dt>
            <dd>
              {t(isOn(factor) ? 'active' : 'inactive')}{' '}
              {factor === 'sms' && <bdi dir="ltr">{state.maskedPhoneNumber}</bdi>}
            </dd>
            <dd>
              <button
                type="button"
                class="quiet"
                onClick={() => setDoing({ what: isOn(factor) ? 'remove' : 'enrol', factor })}
              >
                {t(isOn(factor) ? 'turnOff' : 'setUp')} <span class="unseen">{t(factor)}</span>
              </button>
            </dd>
          </div>
        ))}
      </dl>
      {doing?.what === 'remove' && (
        <Remove key={doing.factor} factor={doing.factor} onDone={reload} onCancel={end} />
      )}
      {state.methods.length > 0 && (
        <>
          <p>{t('recoveryLeft', { count: state.recoveryCodesLeft })}</p>
          <Form
            submit={t('recoveryNew')}
            weight="quiet"
            onSubmit={async () => onCodes((await manam.twoFactor.regenerateRecoveryCodes({})).recoveryCodes)}
          />
        </>
      )}
    </>
  );
}

type RemoveProps = {
  readonly factor: Factor;
  readonly onDone: () => Promise<void>;
  readonly onCancel: () => void;
};

/** Turning a factor off takes a code of it. */
function Remove({ factor, onDone, onCancel }: RemoveProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const submit = async (values: Values) => {
    const code = codeIn(values);
    // Recovery codes are longer than any other.
    const answer = code.replaceAll('-', '').length > 8 ? { recoveryCode: code } : { code };
    if (factor === 'totp') await manam.twoFactor.removeTotp(answer);
    else await manam.twoFactor.removeSms(answer);
    await onDone();
  };
  return (
    <>
      {factor === 'sms' && <SendCode />}
      <Form
        submit={t('turnOff')}
        onSubmit={submit}
        weight="danger"
        aside={
          <button type="button" class="quiet" onClick={onCancel}>
            {t('cancel')}
          </button>
        }
      >
        <p>{t('turnOffHint')}</p>
        <CodeField name="code" label={`${t('code')} / ${t('recoveryCode')}`} isLong takesFocus />
      </Form>
    </>
  );
}
