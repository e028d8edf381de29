import { DomainError } from '../domain/errors.ts';
import { unwrap } from './driver-error.ts';

type Waiting<Question, Answer> = {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Asks together what is asked in one turn of the event loop, at most `max` questions at a time: a statement costs the
 * database and the event loop about as much for ten rows as for one. No question joins an answer that was asked for before it.
 * A trace names the statement in the first call of the turn.
 */
export function inBatches<Question, Answer>(
  max: number,
  ask: (questions: readonly Question[]) => Promise<readonly Answer[]>,
): (question: Question) => Promise<Answer> {
  let waiting: Waiting<Question, Answer>[] = [];

  async function send(batch: readonly Waiting<Question, Answer>[]): Promise<void> {
    try {
      const answers = await ask(batch.map(({ question }) => question));
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer);
    } catch (error) {
      // A row that cannot be read must not fail for the others; where the database is away there is nothing to ask.
      const isAway = unwrap(error) instanceof DomainError;
      if (batch.length > 1 && !isAway) for (const one of batch) void send([one]);
      else for (const { reject } of batch) reject(error);
    }
  }

  function sendAll(): void {
    const all = waiting;
    waiting = [];
    for (let from = 0; from < all.length; from += max) void send(all.slice(from, from + max));
  }

  return (question) =>
    new Promise((resolve, reject) => {
      // After the calls whose bytes have arrived by now.
      if (waiting.length === 0) setImmediate(sendAll);
      waiting.push({ question, resolve, reject });
    });
}
