import cluster from 'node:cluster';
import { say } from './terminal.ts';

/** The started parts of the process, to be stopped in reverse order; a signal may come at any time. */
export type Lifetime = {
  /** Adds what has to be closed before the process ends. */
  add(close: () => Promise<void>): void;
  /**
   * Closes everything and ends the process; asked once more meanwhile, it ends at once. A
   * worker does not: who stops a group of processes asks each, and its primary asks again.
   */
  stop(code: number): Promise<void>;
  isStopping(): boolean;
};

export function createLifetime(): Lifetime {
  const running: (() => Promise<void>)[] = [];
  let stopping = false;
  const stop = async (code: number) => {
    if (stopping && cluster.isWorker) return;
    if (stopping) process.exit(1);
    stopping = true;
    let failed = false;
    for (const close of running.reverse())
      await close().catch((error: unknown) => {
        // A failure to close one part must not leave the others open, such as the database.
        failed = true;
        say(`manam: could not be closed: ${String(error)}`);
      });
    process.exit(code === 0 && failed ? 1 : code);
  };
  process.on('SIGTERM', () => void stop(0));
  // Ctrl-C reaches every process of the terminal, and a worker is stopped by its primary.
  process.on('SIGINT', () => {
    if (cluster.isPrimary) void stop(0);
  });
  return { add: (close) => running.push(close), stop, isStopping: () => stopping };
}
