import type { BenchDatabase } from './database.ts';
import type { Cost } from './report.ts';
import type { BenchServer } from './server.ts';
import { round, type Side } from './slices.ts';

/** The same side, whose slices are also counted in what they cost the server. */
export function meter(
  server: Pick<BenchServer, 'usage'>,
  database: BenchDatabase,
  side: Side,
): { side: Side; cost(): Cost } {
  const sum = { calls: 0, statements: 0, cpuS: 0, rssMb: 0 };
  return {
    side: async (ms) => {
      const before = { ...server.usage(), statements: await database.statements() };
      const slice = await side(ms);
      const after = { ...server.usage(), statements: await database.statements() };
      sum.calls += slice.calls;
      sum.statements += after.statements - before.statements;
      sum.cpuS += after.cpuS - before.cpuS;
      sum.rssMb = Math.max(sum.rssMb, after.rssMb);
      return slice;
    },
    cost: () => ({
      statements: round(sum.statements / sum.calls),
      serverCpuMs: round((sum.cpuS * 1000) / sum.calls),
      rssMb: Math.round(sum.rssMb),
    }),
  };
}
