import { setTimeout as pause } from 'node:timers/promises';
import { quantile } from 'simple-statistics';

/** The result of one time slice. */
export type Slice = {
  readonly calls: number;
  readonly ms: number;
  /** Duration of each call, in milliseconds. */
  readonly latencies: readonly number[];
};

/** One side of a comparison: works for about that long. */
export type Side = (ms: number) => Promise<Slice>;

export type Call = () => Promise<unknown>;

/** A closed loop: each caller calls again as soon as it has a response. */
export function closedLoop(concurrency: number, callOf: (caller: number) => Call): Side {
  const callers = Array.from({ length: concurrency }, (_, caller) => callOf(caller));
  return async (ms) => {
    const latencies: number[] = [];
    const start = performance.now();
    const run = async (call: Call) => {
      for (let now = performance.now(); now - start < ms; ) {
        await call();
        const end = performance.now();
        latencies.push(end - now);
        now = end;
      }
    };
    await Promise.all(callers.map(run));
    return { calls: latencies.length, ms: performance.now() - start, latencies };
  };
}

/** V8 has compiled what is hot after some tens of thousands of calls; a server runs for weeks. */
const warmUpMs = 8000;

/** Runs sides, one after the other, until what they call is as fast as it gets. */
export async function warmUp(...sides: readonly Side[]): Promise<void> {
  for (const side of sides) await side(warmUpMs);
}

/** An open loop: so many calls a second until it is over, whether the ones before are answered or not. */
export async function openLoop(perSecond: number, isOver: () => boolean, call: Call): Promise<void> {
  const start = performance.now();
  const running: Promise<unknown>[] = [];
  while (!isOver()) {
    while (running.length < ((performance.now() - start) * perSecond) / 1000) running.push(call());
    await pause(5);
  }
  await Promise.all(running);
}

/** Runs calls beside some work, until that is done. */
export async function beside<T>(storm: (isOver: () => boolean) => Promise<void>, work: () => Promise<T>) {
  let over = false;
  const stormed = storm(() => over);
  // A failing storm is reported at its end, after its servers have stopped.
  stormed.catch(() => {});
  try {
    return await work();
  } finally {
    over = true;
    await stormed;
  }
}

export type Figures = {
  readonly perSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
};

export function figuresOf(slices: readonly Slice[]): Figures {
  const latencies = slices.flatMap((slice) => slice.latencies);
  const at = (part: number) => round(latencies.length === 0 ? Number.NaN : quantile(latencies, part));
  return {
    perSecond: round(quantile(slices.map(throughput), 0.5)),
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
  };
}

export const throughput = ({ calls, ms }: Slice): number => (calls * 1000) / ms;
export const p95Latency = ({ latencies }: Slice): number => quantile([...latencies], 0.95);
export const medianLatency = ({ latencies }: Slice): number => quantile([...latencies], 0.5);

export type Comparison = {
  /** A over B: the median of the pairs of slices. */
  readonly ratio: number;
  /** The lower and upper quartile of the pairs. */
  readonly spread: readonly [number, number];
  readonly a: Figures;
  readonly b: Figures;
};

export type CompareOptions = {
  readonly seconds: number;
  readonly sliceMs: number;
  readonly a: Side;
  readonly b: Side;
  /** The compared figure of a slice. Default: calls per second. */
  readonly of?: (slice: Slice) => number;
};

/** Compares two sides in alternating slices, A B A B …, because the speed of a machine changes by the minute. */
export async function compare({ seconds, sliceMs, a, b, of = throughput }: CompareOptions) {
  await a(sliceMs);
  await b(sliceMs);
  const pairs: [Slice, Slice][] = [];
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until || pairs.length < 3) pairs.push([await a(sliceMs), await b(sliceMs)]);
  return {
    ...ratioOf(pairs.map(([left, right]) => [of(left), of(right)])),
    a: figuresOf(pairs.map(([left]) => left)),
    b: figuresOf(pairs.map(([, right]) => right)),
  } satisfies Comparison;
}

/** The median of the pairwise ratios, with its quartiles. */
export function ratioOf(pairs: readonly (readonly [number, number])[]): Pick<Comparison, 'ratio' | 'spread'> {
  const ratios = pairs.map(([a, b]) => a / b);
  return {
    ratio: round(quantile(ratios, 0.5)),
    spread: [round(quantile(ratios, 0.25)), round(quantile(ratios, 0.75))],
  };
}

export function round(value: number): number {
  return Number(value.toPrecision(4));
}
