import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import { useState } from 'preact/hooks';
import { type GetTwoFactorResponse, readFailure } from '../../clients/web.ts';
import { Form } from '../kit/form.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** The way back for someone who has lost every second step: asks for the reset, and carries it out once it has waited. */
export function LostFactors({
  call,
}: {
  readonly call: { readonly headers: Readonly<Record<string, string>> };
}) {
  const { t, date } = useLanguage();
  const { manam, settings, setStage } = useAccount();
  const [readyAt, setReadyAt] = useState<Date>();
  if (settings.factorResetHours === 0)
    return <p class="hint">{t('lostFactor', { tenant: settings.name })}</p>;
  const ask = async () => {
    try {
      await manam.recovery.finishFactorReset({}, call);
      setStage({ at: 'outside' });
    } catch (error) {
      const { reason } = readFailure(error);
      if (reason !== 'NOT_FOUND' && reason !== 'FACTOR_RESET_WAITING') throw error;
      const { readyTime } = await manam.recovery.startFactorReset({}, call);
      if (readyTime !== undefined) setReadyAt(timestampDate(readyTime));
    }
  };
  return (
    <Form submit={t('resetAsk')} weight="quiet" onSubmit={ask}>
      <p class="hint" role="status">
        {readyAt === undefined ? t('resetHint') : t('resetWaits', { date: date(readyAt) })}
      </p>
    </Form>
  );
}

type WaitingProps = { readonly state: GetTwoFactorResponse; readonly reload: () => Promise<void> };

/** Tells of a reset that someone asked for, and ends it. Nothing where none waits. */
export function WaitingReset({ state, reload }: WaitingProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const stop = () => manam.recovery.cancelFactorReset({}).then(reload);
  return <Objection at={state.factorResetTime} word="resetKnown" submit={t('resetStop')} onSubmit={stop} />;
}

/** The same of an undo of the last changes. */
export function WaitingUndo({ state, reload }: WaitingProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const stop = () => manam.recovery.cancelUndo({}).then(reload);
  return <Objection at={state.undoTime} word="undoKnown" submit={t('undoReject')} onSubmit={stop} />;
}

function Objection({
  at,
  word,
  ...form
}: {
  readonly at: Timestamp | undefined;
  readonly word: 'resetKnown' | 'undoKnown';
  readonly submit: string;
  readonly onSubmit: () => Promise<void>;
}) {
  const { t, date } = useLanguage();
  if (at === undefined) return null;
  return (
    <Form {...form} weight="danger">
      <p class="problem">{t(word, { date: date(timestampDate(at)) })}</p>
    </Form>
  );
}
