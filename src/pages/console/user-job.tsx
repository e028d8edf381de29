import { useEffect, useState } from 'preact/hooks';
import type { UserJob } from '../../clients/management.ts';
import { SelectField } from '../kit/fields.tsx';
import { Field, FieldMistake, type Values } from '../kit/form.tsx';
import { CancelButton, Modal } from './dialogs.tsx';
import { useLanguage, type Word } from './language.ts';
import { Sheet } from './sheet.tsx';
import { useConsole } from './state.ts';
import { isOfAll, type UserQuery } from './user-query.ts';

const actions: readonly (readonly [action: string, word: Word])[] = [
  ['disable', 'disable'],
  ['enable', 'enable'],
  ['end-sessions', 'endSessions'],
  ['delete', 'delete'],
];

type BulkProps = {
  readonly chosen: readonly string[];
  readonly query: UserQuery;
  readonly onDone: () => Promise<void>;
};

/** One action on the chosen users, or on everyone that the query finds. */
export function BulkActions({ chosen, query, onDone }: BulkProps) {
  const { t, number } = useLanguage();
  const { manage } = useConsole();
  const [action, setAction] = useState('');
  const [job, setJob] = useState<UserJob>();
  const word = actions.find(([each]) => each === action)?.[1];
  const isAll = chosen.length === 0;
  const isDeletion = action === 'delete';
  const begin = async ({ whom, word: typed = '' }: Values) => {
    if (isDeletion && whom === 'all' && typed.trim() !== t('deleteWord'))
      throw new FieldMistake('word', t('wrongWord'));
    const users = whom === 'chosen' ? { userIds: [...chosen] } : isOfAll(query) ? { all: true } : query;
    const started = await manage.startUserJob({ action, ...users });
    setJob(started.job);
  };
  return (
    <>
      <div class="bulk">
        <span role="status">
          {isAll ? t('noneChosen') : t('someChosen', { count: number(chosen.length) })}
        </span>
        {actions.map(([each, label]) => (
          <button key={each} type="button" class="quiet" onClick={() => setAction(each)}>
            {t(label)} …
          </button>
        ))}
      </div>
      {word !== undefined && job === undefined && (
        <Modal title={t(word)} onClose={() => setAction('')}>
          <Sheet
            submit={t(word)}
            weight={isDeletion ? 'danger' : 'primary'}
            aside={<CancelButton onClick={() => setAction('')} />}
            onSubmit={begin}
          >
            <SelectField
              name="whom"
              label={t('jobWhom')}
              choices={[
                ...(isAll
                  ? []
                  : [{ value: 'chosen', label: t('jobChosen', { count: number(chosen.length) }) }]),
                {
                  value: 'all',
                  label: 'query' in query ? t('jobFound', { query: query.query }) : t('jobAll'),
                },
              ]}
            />
            {isDeletion && <Field name="word" label={t('jobDeleteConfirm', { word: t('deleteWord') })} />}
            <p class="hint">{t(isDeletion ? 'jobDeleteHint' : 'jobHint')}</p>
          </Sheet>
        </Modal>
      )}
      {job !== undefined && word !== undefined && (
        <Progress
          title={t(word)}
          job={job}
          onClose={async () => {
            setJob(undefined);
            setAction('');
            await onDone();
          }}
        />
      )}
    </>
  );
}

const lookMs = 1000;

/** How far a job has come. */
function Progress({
  title,
  job: first,
  onClose,
}: {
  readonly title: string;
  readonly job: UserJob;
  readonly onClose: () => Promise<void>;
}) {
  const { t, number } = useLanguage();
  const { manage } = useConsole();
  const [job, setJob] = useState(first);
  const isOver = job.endTime !== undefined;
  useEffect(() => {
    if (isOver) return;
    const look = async () => {
      const { job: now } = await manage.getUserJob({ jobId: job.jobId });
      if (now !== undefined) setJob(now);
    };
    const timer = setInterval(() => void look().catch(() => {}), lookMs);
    return () => clearInterval(timer);
  }, [isOver]);
  const cancel = async () => {
    const { job: ended } = await manage.cancelUserJob({ jobId: job.jobId });
    if (ended !== undefined) setJob(ended);
  };
  return (
    <Modal title={title} onClose={() => void onClose()}>
      <p role="status">
        {t(job.state === 'cancelled' ? 'jobCancelled' : isOver ? 'jobOver' : 'jobRuns', {
          done: number(job.done),
          failed: number(job.failed),
        })}
      </p>
      {!isOver && <progress aria-label={title} />}
      {isOver ? (
        <button type="button" class="primary" onClick={() => void onClose()}>
          {t('close')}
        </button>
      ) : (
        <Sheet submit={t('stop')} weight="quiet" onSubmit={cancel} />
      )}
    </Modal>
  );
}
