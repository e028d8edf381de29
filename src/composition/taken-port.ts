import type { Config } from '../config/config.ts';
import { say } from './terminal.ts';

/** Waits for something to listen; where its port is taken, the failure says what to set. */
export async function namingPort<T>({ admin, metrics }: Config, listening: Promise<T>): Promise<T> {
  return await listening.catch((error: unknown) => {
    const { code, port } = error as NodeJS.ErrnoException & { port?: number };
    if (code !== 'EADDRINUSE') throw error;
    const keys: Record<number, string> = {
      ...(metrics && { [metrics.port]: 'METRICS_PORT' }),
      ...(admin && { [admin.port]: 'ADMIN_PORT' }),
    };
    throw new Error(`port ${port} is taken: stop what uses it, or set ${keys[port ?? 0] ?? 'PORT'}`);
  });
}

/** Prints where the figures are, and which port was taken if they moved. */
export function sayMetrics({ host, port }: NonNullable<Config['metrics']>, actual: number): void {
  const why = port !== 0 && actual !== port ? ` (${port} is taken)` : '';
  say(`manam: metrics on http://${host}:${actual}/metrics${why}`);
}
