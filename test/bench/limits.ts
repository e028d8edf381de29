import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { json } from './accounts.ts';
import type { LimitAnswer, LimitRequest } from './limit-process.ts';
import type { OwnSignIns } from './own-sign-in.ts';
import { type Usage, usageOf } from './processes.ts';
import type { Side, Slice } from './slices.ts';
import { driving } from './wrk.ts';

export type Limits = {
  /** The address of a bare Connect handler on the listener of the service. */
  readonly url: string;
  /** Has the bare handlers read and answer what the service does, so that both write the same. */
  answer(answer: LimitAnswer): Promise<void>;
  /** That part of the service, alone, as a side of a comparison. */
  side(request: Omit<LimitRequest, 'ms'>): Side;
  /** Calls of a handler that has the hash and the service's statements of a sign-in, and nothing else of it. */
  signIns(callers: number, of: OwnSignIns): Promise<Side>;
  readonly pid: number;
  /** CPU seconds so far and resident memory now. */
  usage(): Usage;
  stop(): void;
};

/** Starts the process that measures the upper bounds, on a separate database. */
export async function startLimits(databaseUrl: string): Promise<Limits> {
  const child = fork(new URL('limit-process.ts', import.meta.url), [databaseUrl], {
    env: { ...process.env, UV_THREADPOOL_SIZE: String(availableParallelism() + 4) },
  });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the process of the limits has ended with ${code}`);
  });
  ended.catch(() => {});
  const answer = async <T>() => {
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [T];
    return message;
  };
  const { url } = await answer<{ url: string }>();
  return {
    url,
    answer: async (request) => {
      child.send(request);
      await answer();
    },
    side: (request) => async (ms) => {
      child.send({ ...request, ms } satisfies LimitRequest);
      return await answer<Slice>();
    },
    signIns: async (callers, of) => {
      child.send(of);
      await answer();
      return driving({
        url: `${url}/sign-in`,
        callers,
        method: 'POST',
        headers: json,
        body: '{}',
      });
    },
    pid: child.pid ?? 0,
    usage: () => usageOf(child.pid ?? 0),
    stop: () => child.disconnect(),
  };
}
