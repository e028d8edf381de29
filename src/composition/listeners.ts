import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import type { Job } from '../features/feature.ts';
import type { createHandler } from '../server/handler.ts';
import { type Listener, listen, listenNear } from '../server/listener.ts';
import type { Readiness } from '../server/readiness.ts';

export type Listeners = Listener & {
  /** Makes readiness fail, so that balancers send nothing new; everything is served as before. */
  drain(): void;
  readonly adminPort: number | undefined;
  readonly metricsPort: number | undefined;
};

type Handle = ReturnType<typeof createHandler>;

/** Listens on every configured address, and starts the work beside the calls. */
export async function listenOn(
  config: Config,
  handlers: { readonly public: Handle; readonly admin: Handle; readonly metrics: Handle },
  {
    readiness,
    background,
    endStreams,
  }: { readonly readiness: Readiness; readonly background: Job; readonly endStreams: () => void },
): Promise<Listeners> {
  const { host, port, admin, metrics, tls, maxConnectionsPerAddress, keepAliveMs } = config;
  const pem = tls && { cert: readFileSync(tls.certFile, 'utf8'), key: readFileSync(tls.keyFile, 'utf8') };
  const bounds = { maxConnectionsPerAddress, keepAliveMs };
  const options = { ...bounds, ...(pem ? { tls: pem } : {}) };
  const listener = await listen({ ...options, host, port }, handlers.public);
  const adminListener = admin && (await listen({ ...options, ...admin }, handlers.admin));
  const metricsListener =
    metrics && (await listenNear({ ...bounds, ...metrics }, handlers.metrics, config.isMetricsPortAssumed));
  background.start();
  const listeners = [listener, adminListener, metricsListener];
  const drain = () => {
    readiness.drain();
    endStreams();
    for (const each of listeners) each?.drain();
  };
  return {
    port: listener.port,
    adminPort: adminListener?.port,
    metricsPort: metricsListener?.port,
    drain,
    close: async () => {
      drain();
      await Promise.all([...listeners.map((each) => each?.close()), background.stop()]);
    },
  };
}
