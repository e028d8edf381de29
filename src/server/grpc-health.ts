import { setTimeout as pause } from 'node:timers/promises';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../gen/health/v1/health_pb.js';
import { requestOf } from '../rpc/context.ts';
import type { Readiness } from './readiness.ts';

/** Poll interval of a watched status. */
const watchIntervalMs = 1000;
/** Polls after which an unchanged status is sent again, to keep an idle connection alive. */
const repeatAfter = 30;
/** Limit of watchers of one instance, and of one address. */
const maxWatchers = 1000;
const maxWatchersPerAddress = 10;
/** The name that asks for the process alone, as Kubernetes' liveness probes do. */
const livenessName = 'liveness';

export type GrpcHealthOptions = {
  readonly readiness: Readiness;
  /** The services whose health is the readiness of the instance; the empty name represents all of them. */
  readonly names: readonly string[];
};

/**
 * grpc.health.v1 (https://github.com/grpc/grpc/blob/v1.71.0/doc/health-checking.md):
 * the status of /readyz, for probes and load balancers that speak gRPC, and under the
 * name `liveness` that of /healthz.
 */
export function registerHealth(router: ConnectRouter, { readiness, names }: GrpcHealthOptions): void {
  const known = new Set(['', ...names]);
  let watchers = 0;
  const perAddress = new Map<string, number>();
  /** The status for watchers: one database check for all of them. */
  let seen: { readonly atMs: number; readonly status: Promise<Status> } | undefined;

  const statusOf = async (service: string): Promise<Status> => {
    if (service === livenessName) return Status.SERVING;
    if (!known.has(service)) return Status.SERVICE_UNKNOWN;
    return (await readiness.isReady()) ? Status.SERVING : Status.NOT_SERVING;
  };

  const watchedStatusOf = (service: string): Promise<Status> => {
    if (service === livenessName || !known.has(service)) return statusOf(service);
    if (seen === undefined || performance.now() - seen.atMs >= watchIntervalMs || readiness.drained.aborted)
      seen = { atMs: performance.now(), status: statusOf('') };
    return seen.status;
  };

  router.service(Health, {
    async check({ service }) {
      const status = await statusOf(service);
      if (status === Status.SERVICE_UNKNOWN) throw new ConnectError('unknown service', Code.NotFound);
      return { status };
    },

    async list() {
      const status = await statusOf('');
      const statuses = Object.fromEntries([...known].map((name) => [name, { status }]));
      return { statuses: { ...statuses, [livenessName]: { status: Status.SERVING } } };
    },

    async *watch({ service }, { signal, values }) {
      const { address } = requestOf(values).client;
      const held = perAddress.get(address) ?? 0;
      if (watchers >= maxWatchers || held >= maxWatchersPerAddress)
        throw new ConnectError('too many watchers', Code.ResourceExhausted);
      watchers += 1;
      perAddress.set(address, held + 1);
      try {
        const ended = AbortSignal.any([signal, readiness.drained]);
        let sent: Status | undefined;
        for (let looks = 0; !signal.aborted; looks += 1) {
          const status = await watchedStatusOf(service);
          if (status !== sent || looks % repeatAfter === 0) yield { status };
          sent = status;
          if (readiness.drained.aborted) return;
          await pause(watchIntervalMs, undefined, { signal: ended }).catch(() => {});
        }
      } finally {
        watchers -= 1;
        const left = (perAddress.get(address) ?? 1) - 1;
        if (left === 0) perAddress.delete(address);
        else perAddress.set(address, left);
      }
    },
  });
}
