import { timestampDate } from '@bufbuild/protobuf/wkt';
import { useState } from 'preact/hooks';
import type { Failure } from '../../clients/web.ts';
import { CodeField, codeIn, Form, type Values } from '../kit/form.tsx';
import { Link, Section } from '../kit/parts.tsx';
import { PasswordField } from '../kit/password-field.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

// The pages that the links of notices about changes lead to. Each waits for a press: mail programs open links by themselves.

/** Where the link of a notice leads to, or of an undo that had to wait. */
export function Undo({ token, step }: { readonly token: string; readonly step: string | null }) {
  if (step === 'restore') return <FinishUndo token={token} />;
  return step === 'reject' ? <RejectUndo token={token} /> : <UndoChange token={token} />;
}

type Step = 'ask' | 'frozen' | 'undone' | { readonly readyAt: Date | undefined };

/** Where "it was not me" leads to. */
function UndoChange({ token }: { readonly token: string }) {
  const { t, date } = useLanguage();
  const { manam, settings } = useAccount();
  const [step, setStep] = useState<Step>('ask');
  const [byCode, setByCode] = useState(false);
  const help = useWayBack();
  const freeze = async () => {
    await manam.recovery.freezeAccount({ token });
    setStep('frozen');
  };
  const undo = async (values: Values) => {
    const proof = byCode ? { code: codeIn(values) } : { password: values['password'] ?? '' };
    await manam.recovery.undoChanges({ token, ...proof });
    setStep('undone');
  };
  const wait = async () => {
    const { readyTime } = await manam.recovery.startUndo({ token });
    setStep({ readyAt: readyTime && timestampDate(readyTime) });
  };
  if (step === 'ask') return <OneStep ask={t('undoAsk')} submit={t('undoFreeze')} onSubmit={freeze} />;
  if (step === 'undone') return <Undone />;
  if (step !== 'frozen')
    return (
      <Section title={t('undoTitle')} isPage>
        <p role="status">{t('undoWaits', { date: step.readyAt === undefined ? '' : date(step.readyAt) })}</p>
      </Section>
    );
  return (
    <Section title={t('undoTitle')} isPage>
      <p role="status">{t('undoFrozen')}</p>
      <Form
        submit={t('undoSubmit')}
        onSubmit={undo}
        help={help}
        rephrase={{ CREDENTIALS_INVALID: t('undoWrong') }}
        aside={
          <button type="button" class="quiet" onClick={() => setByCode(!byCode)}>
            {t(byCode ? 'undoByPassword' : 'undoByCode')}
          </button>
        }
      >
        {byCode ? <CodeField name="code" label={t('code')} /> : <PasswordField label={t('undoPassword')} />}
      </Form>
      {settings.factorResetHours > 0 && (
        <Form
          submit={t('undoNeither')}
          weight="quiet"
          onSubmit={wait}
          help={help}
          rephrase={{ CREDENTIALS_INVALID: t('undoHadProof') }}
        >
          <p class="hint">{t('undoNeitherHint')}</p>
        </Form>
      )}
    </Section>
  );
}

/** Where the link of an undo that had to wait leads to. */
function FinishUndo({ token }: { readonly token: string }) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [isDone, setDone] = useState(false);
  const undo = async () => {
    await manam.recovery.undoChanges({ token });
    setDone(true);
  };
  return isDone ? <Undone /> : <OneStep ask={t('undoReady')} submit={t('undoSubmit')} onSubmit={undo} />;
}

/** Where "I made these changes" leads to. */
function RejectUndo({ token }: { readonly token: string }) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [isDone, setDone] = useState(false);
  const reject = async () => {
    await manam.recovery.rejectUndo({ token });
    setDone(true);
  };
  if (!isDone)
    return (
      <OneStep
        title={t('undoRejectTitle')}
        ask={t('undoRejectAsk')}
        submit={t('undoReject')}
        weight="primary"
        onSubmit={reject}
      />
    );
  return (
    <Section title={t('undoRejectTitle')} isPage>
      <p role="status">{t('undoRejected')}</p>
      <Link to="">{t('signIn')}</Link>
    </Section>
  );
}

/** The way on for links that have expired. */
function useWayBack() {
  const { t } = useLanguage();
  return ({ reason }: Failure) =>
    reason === 'RECOVERY_INVALID' && <Link to="recover">{t('recoverTitle')}</Link>;
}

function OneStep({
  title,
  ask,
  submit,
  weight = 'danger',
  onSubmit,
}: {
  /** Default: that of an undo. */
  readonly title?: string;
  readonly ask: string;
  readonly submit: string;
  readonly weight?: 'primary' | 'danger';
  readonly onSubmit: () => Promise<void>;
}) {
  const { t } = useLanguage();
  const help = useWayBack();
  return (
    <Section title={title ?? t('undoTitle')} isPage>
      <Form submit={submit} onSubmit={onSubmit} weight={weight} help={help}>
        <p>{ask}</p>
      </Form>
    </Section>
  );
}

function Undone() {
  const { t } = useLanguage();
  return (
    <Section title={t('undoTitle')} isPage>
      <p role="status">{t('undoDone')}</p>
      <Link to="">{t('signIn')}</Link>
    </Section>
  );
}
