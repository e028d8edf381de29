import { useLanguage as useAnyLanguage, type WordSource } from '../kit/language.ts';
import type { Words } from './words.en.ts';

/** The words of the account pages. */
export const wordsOf: WordSource<Words> = async (locale) =>
  locale === 'fa' ? (await import('./words.fa.ts')).fa : (await import('./words.en.ts')).en;

export const useLanguage = useAnyLanguage<Words>;
