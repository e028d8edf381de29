import type { Worker } from 'node:cluster';
import {
  AggregatorRegistry,
  type MetricObjectWithValues,
  type MetricValue,
  type Registry,
} from 'prom-client';

type Metric = MetricObjectWithValues<MetricValue<string>>;
type Answer = { readonly figures?: Metric[] };

const question = 'figures';
/** Longest wait of a scrape for a worker. */
const answerMs = 2000;

/** Returns the primary when it asks for the figures of this worker. */
export function answerFigures(registry: Registry): void {
  process.on('message', (message) => {
    if (message !== question) return;
    void registry.getMetricsAsJSON().then((figures) => process.send?.({ figures }));
  });
}

/**
 * The figures of all workers that answer, by their numbers. Each keeps its own: summed up
 * they would fall when a worker is replaced, which Prometheus takes for a restart of the
 * whole sum. Metrics of the database (`shared`) are reported once.
 */
export async function renderWorkers(
  workers: ReadonlyMap<number, Worker>,
  shared: readonly string[],
): Promise<{ readonly type: string; readonly body: string }> {
  const answers = await Promise.all(
    [...workers].map(async ([number, worker]) => {
      const figures = (await askWorker(worker)) ?? [];
      return figures
        .filter(({ name }) => number === 1 || !shared.includes(name))
        .map((metric) => withLabel(metric, String(number)));
    }),
  );
  const registry = AggregatorRegistry.aggregate(answers);
  return { type: registry.contentType, body: await registry.metrics() };
}

function withLabel(metric: Metric, worker: string): Metric {
  return {
    ...metric,
    values: metric.values.map((value) => ({ ...value, labels: { ...value.labels, worker } })),
  };
}

/** Undefined where the worker ends, or is too busy to answer. */
function askWorker(worker: Worker): Promise<Metric[] | undefined> {
  const { promise, resolve } = Promise.withResolvers<Metric[] | undefined>();
  const give = ({ figures }: Answer) => figures !== undefined && resolve(figures);
  const giveUp = () => resolve(undefined);
  const timer = setTimeout(giveUp, answerMs);
  worker.on('message', give).once('exit', giveUp);
  worker.send(question, (error: Error | null) => error !== null && giveUp());
  return promise.finally(() => {
    clearTimeout(timer);
    worker.off('message', give).off('exit', giveUp);
  });
}
