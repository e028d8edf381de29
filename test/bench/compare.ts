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

/** Runs other calls beside a slice, until it is over. */
async function beside<T>(
  storm: () => Promise<unknown>,
  concurrency: number,
  work: () => Promise<T>,
): Promise<T> {
  let running = true;
  const worker = async () => {
    while (running) await storm();
  };
  const workers = Array.from({ length: concurrency }, worker);
  try {
    return await work();
  } finally {
    running = false;
    await Promise.all(workers);
  }
}

type Limits = { readonly seconds: number; readonly concurrency: number };

/** Compares two calls in alternating slices, A B A B …, of one run. */
export async function compare(
  name: string,
  limits: Limits,
  a: () => Promise<unknown>,
  b: () => Promise<unknown>,
): Promise<Comparison> {
  const { concurrency } = limits;
  return await compareSlices(
    name,
    limits,
    () => slice(a, concurrency),
    () => slice(b, concurrency),
  );
}

/** Compares what one call gets beside a storm of others with its fair half of what it gets alone. */
export async function compareUnderStorm(
  name: string,
  limits: Limits,
  call: () => Promise<unknown>,
  storm: () => Promise<unknown>,
  stormConcurrency: number,
): Promise<Comparison> {
  const own = () => slice(call, limits.concurrency);
  return await compareSlices(
    name,
    limits,
    () => beside(storm, stormConcurrency, own),
    async () => (await own()) / 2,
  );
}

async function compareSlices(
  name: string,
  { seconds }: Limits,
  a: () => Promise<number>,
  b: () => Promise<number>,
): Promise<Comparison> {
  await a();
  await b();
  const pairs: { a: number; b: number }[] = [];
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until || pairs.length < 3) pairs.push({ a: await a(), b: await b() });
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
