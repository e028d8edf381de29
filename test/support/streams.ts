/** The answer of a call, or the first message of a stream, which is closed then. */
export async function firstOf(
  answer: Promise<unknown> | AsyncIterable<unknown> | undefined,
): Promise<unknown> {
  if (answer === undefined || !(Symbol.asyncIterator in answer)) return await answer;
  for await (const message of answer) return message;
  return undefined;
}
