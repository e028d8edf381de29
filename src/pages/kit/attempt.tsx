import { useState } from 'preact/hooks';
import { readFailure } from '../../clients/web.ts';
import { onDemand } from './loaded.tsx';

/** A question for the password that waits for its answer. */
type Question = { readonly answer: () => void; readonly refuse: () => void };

/** Runs calls that may need a fresh sign-in: `question` is what is asked meanwhile, and `refuse` gives it up. */
export function useAttempt() {
  const [open, setOpen] = useState<Question>();
  const attempt = async <T,>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (readFailure(error).reason !== 'REAUTHENTICATION_REQUIRED') throw error;
      await new Promise<void>((resolve, reject) =>
        setOpen({ answer: resolve, refuse: () => reject(error) }),
      ).finally(() => setOpen(undefined));
      return await work();
    }
  };
  const question = open !== undefined && <Ask onDone={open.answer} onCancel={open.refuse} />;
  return { attempt, question, refuse: () => open?.refuse() };
}

const Ask = onDemand(async () => (await import('./reauthenticate.tsx')).Reauthenticate);
