import { readFileSync } from 'node:fs';

const root = new URL('../..', import.meta.url);

/** The blocks of code of a page, in one language, in their order. */
export function blocksOf(file: string, language: string): string[] {
  const text = readFileSync(new URL(file, root), 'utf8');
  const blocks = text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'));
  return [...blocks].map(([, code]) => code ?? '');
}
