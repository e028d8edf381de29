import { readdirSync, readFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

const tasks = '/proc/self/task';

/**
 * Lets libuv's threads yield to the event loop. They make the password hashes, two of which
 * would otherwise have both of two cores while a read of a session waits for one: with it,
 * calls that need no hash are held up far less by a storm of sign-ins. They yield to other
 * programs of the machine as well. To be called once the threads are there, which is after
 * the first hash. Where the system knows no priority of a single thread, everything stays
 * as it is.
 */
export function lowerBackgroundThreads(): void {
  if (process.platform !== 'linux') return;
  try {
    for (const task of readdirSync(tasks)) {
      const name = readFileSync(`${tasks}/${task}/comm`, 'utf8').trim();
      if (name === 'libuv-worker') setPriority(Number(task), constants.priority.PRIORITY_BELOW_NORMAL);
    }
  } catch {
    // Without /proc or the right to: the service is as good, only less even.
  }
}
