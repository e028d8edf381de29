export type Comparison = {
  readonly name: string;
  /** Throughput of A over that of B: the median of the pairs of slices. */
  readonly ratio: number;
  /** The lower and upper quartile of the pairs. */
  readonly spread: string;
  readonly aPerSecond: number;
  readonly bPerSecond: number;
};

const sliceMs = 500;

/** Runs calls in a closed loop for one slice; answers calls per second. */
async function slice(call: () => Promise<unknown>, concurrency: number): Promise<number> {
  const start = performance.now();
  let calls = 0;
  const worker = async () => {
    while (performance.now() - start < sliceMs) {
      await call();
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return (calls * 1000) / (performance.now() - start);
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** Compares two calls in alternating slices, A B A B …, of one run. */
export async function compare(
  name: string,
  { seconds, concurrency }: { seconds: number; concurrency: number },
  a: () => Promise<unknown>,
  b: () => Promise<unknown>,
): Promise<Comparison> {
  await slice(a, concurrency);
  await slice(b, concurrency);
  const pairs: { a: number; b: number }[] = [];
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until || pairs.length < 3) {
    pairs.push({ a: await slice(a, concurrency), b: await slice(b, concurrency) });
  }
  const ratios = pairs.map((pair) => pair.a / pair.b).sort((left, right) => left - right);
  const median = (values: number[]) =>
    Math.round(
      quantile(
        values.sort((left, right) => left - right),
        0.5,
      ),
    );
  return {
    name,
    ratio: Number(quantile(ratios, 0.5).toFixed(3)),
    spread: `${quantile(ratios, 0.25).toFixed(3)} – ${quantile(ratios, 0.75).toFixed(3)}`,
    aPerSecond: median(pairs.map((pair) => pair.a)),
    bPerSecond: median(pairs.map((pair) => pair.b)),
  };
}
