import {
  createLanguage,
  type Language,
  type Locale,
  useLanguage as useAnyLanguage,
} from '../kit/language.ts';
import { en, type Words } from './words.en.ts';
import { fa } from './words.fa.ts';

const words: Readonly<Record<Locale, Words>> = { en, fa };

/** The language of the account pages. */
export const languageOf = (locale: Locale): Language<Words> => createLanguage(locale, words[locale]);

export const useLanguage = useAnyLanguage<Words>;
