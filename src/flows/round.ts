/**
 * Does some work for each item of a round and returns the sum of what it counts. What is wrong with one keeps no other waiting:
 * the first failure is thrown once all had their turn.
 */
export async function goRound<T>(items: readonly T[], work: (item: T) => Promise<number>): Promise<number> {
  let count = 0;
  const failures: unknown[] = [];
  for (const item of items)
    try {
      count += await work(item);
    } catch (error) {
      failures.push(error);
    }
  if (failures.length > 0) throw failures[0];
  return count;
}
