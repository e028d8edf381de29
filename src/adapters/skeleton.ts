/** The skeleton of a text, by the table of confusable characters of Unicode; it is loaded at the first use. */
export async function skeletonOf(text: string): Promise<string> {
  const { default: unhomoglyph } = await import('unhomoglyph');
  return unhomoglyph(text.normalize('NFD'));
}
