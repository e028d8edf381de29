import { useLanguage } from './language.ts';

export type Series = {
  readonly name: string;
  readonly tone: 'first' | 'second' | 'bad';
  readonly values: readonly number[];
};

const height = 120;
const step = 24;

/** Numbers of each day as bars beside each other; readers get the same as a table. */
export function DayChart({
  label,
  days,
  series,
}: {
  readonly label: string;
  readonly days: readonly Date[];
  readonly series: readonly Series[];
}) {
  const { t, day, number } = useLanguage();
  const most = Math.max(1, ...series.flatMap(({ values }) => values));
  const width = days.length * step;
  const bar = (step - 6) / series.length;
  const ends = [days[0], days.at(-1)].filter((each) => each !== undefined);
  return (
    <figure class="chart">
      <figcaption>
        {series.map(({ name, tone }) => (
          <span key={name} class={`legend ${tone}`}>
            {name}
          </span>
        ))}
        <span class="hint">{t('chartMost', { count: most })}</span>
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} class="axis" />
        {days.map((date, index) =>
          series.map(({ name, tone, values }, place) => {
            const value = values[index] ?? 0;
            const tall = value === 0 ? 0 : Math.max(2, (value / most) * (height - 8));
            return (
              <rect
                key={`${name} ${index}`}
                class={tone}
                x={index * step + 3 + place * bar}
                y={height - tall}
                width={bar - 1}
                height={tall}
              >
                <title>{`${day(date)} · ${name}: ${number(value)}`}</title>
              </rect>
            );
          }),
        )}
      </svg>
      <p class="chart-ends hint" aria-hidden="true">
        {ends.map((date) => (
          <span key={date.getTime()}>{day(date)}</span>
        ))}
      </p>
      {/* A table is as wide as what is in it, also where no one sees it. */}
      <div class="unseen">
        <table>
          <caption>{label}</caption>
          <thead>
            <tr>
              <th scope="col">{t('day')}</th>
              {series.map(({ name }) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {days.map((date, index) => (
              <tr key={date.getTime()}>
                <th scope="row">{day(date)}</th>
                {series.map(({ name, values }) => (
                  <td key={name}>{number(values[index] ?? 0)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}

/** Counts by name as bars from the longest to the shortest. */
export function Ranking({
  counts,
}: {
  readonly counts: readonly (readonly [name: string, count: number])[];
}) {
  const { number } = useLanguage();
  const most = Math.max(1, ...counts.map(([, count]) => count));
  return (
    <ul class="ranking">
      {counts.map(([name, count]) => (
        <li key={name}>
          <span>{name}</span>
          <strong>{number(count)}</strong>
          <meter min={0} max={most} value={count} aria-hidden="true" />
        </li>
      ))}
    </ul>
  );
}
