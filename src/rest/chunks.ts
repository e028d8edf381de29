import type { IncomingMessage } from 'node:http';

/** The events that a waiting reader reacts to. */
const changes = ['readable', 'end', 'aborted', 'error', 'close'] as const;

/**
 * Whether the rest of a body is not to be had: the caller has left, or the answer is given and Node reads over what is left of
 * the body. A request of HTTP/2 that was cut off ends like a whole one (`push(null)`); `aborted` alone tells.
 */
const isCutOff = ({ aborted, errored, readableFlowing }: IncomingMessage) =>
  aborted || errored !== null || readableFlowing === true;

/**
 * The body of a request as it comes, for one reader. Node's own iterator makes some dozen objects for each
 * request, which outlive it until the next full collection. A reader that stops early leaves the request as it is: the
 * iterator of Node would destroy its connection.
 */
export function chunksOf(request: IncomingMessage): AsyncIterable<Buffer> {
  const idle = () => {};
  let wake = idle;
  const look = (
    resolve: (result: IteratorResult<Buffer, undefined>) => void,
    reject: (cause: Error) => void,
  ): void => {
    wake = idle;
    const chunk: Buffer | null = request.read();
    if (chunk !== null) resolve({ done: false, value: chunk });
    else if (isCutOff(request)) reject(request.errored ?? new Error('the body was cut off'));
    else if (request.readableEnded) resolve({ done: true, value: undefined });
    else if (request.destroyed) reject(new Error('the body was cut off'));
    else wake = () => look(resolve, reject);
  };
  const iterator: AsyncIterator<Buffer, undefined> = { next: () => new Promise(look) };
  return {
    [Symbol.asyncIterator]() {
      for (const change of changes) request.on(change, () => wake());
      return iterator;
    },
  };
}
