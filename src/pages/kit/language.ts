import { createContext } from 'preact';
import { useContext, useEffect, useMemo, useState } from 'preact/hooks';
import type { KitWords } from './words.en.ts';

export type Locale = 'en' | 'fa';

/** Texts of a page, and its formats of numbers and dates. */
export type Language<W extends KitWords = KitWords> = {
  readonly locale: Locale;
  t(word: keyof W, values?: Readonly<Record<string, string | number>>): string;
  date(date: Date): string;
  /** A day, without its time. */
  day(date: Date): string;
  number(value: number): string;
};

/** Persian in its own digits and calendar. */
const tags: Record<Locale, string> = { en: 'en', fa: 'fa-IR-u-ca-persian-nu-arabext' };

/** The language of pages that have those words. */
export function createLanguage<W extends KitWords>(locale: Locale, words: W): Language<W> {
  const numbers = new Intl.NumberFormat(tags[locale], { useGrouping: false });
  const dates = new Intl.DateTimeFormat(tags[locale], { dateStyle: 'medium', timeStyle: 'short' });
  const days = new Intl.DateTimeFormat(tags[locale], { dateStyle: 'medium' });
  const number = (value: number) => numbers.format(value);
  return {
    locale,
    number,
    date: (date) => dates.format(date),
    day: (date) => days.format(date),
    t: (word, values = {}) =>
      String(words[word]).replaceAll(/\{(\w+)\}/g, (_, name: string) => {
        const value = values[name] ?? '';
        // A text with a fixed direction, such as a number with its plus, keeps it (Unicode, UAX 9).
        return typeof value === 'number' ? number(value) : `\u2068${value}\u2069`;
      }),
  };
}

/** The names of the months of a calendar. */
export function monthNames(locale: Locale, calendar: 'gregory' | 'persian'): string[] {
  const names = new Intl.DateTimeFormat(`${locale}-u-ca-${calendar}`, { month: 'long', timeZone: 'UTC' });
  // Days that lie in the first to the twelfth month: the Persian year begins on the 20th or 21st of March.
  const [first, day] = calendar === 'persian' ? [3, 10] : [0, 15];
  return Array.from({ length: 12 }, (_, month) => names.format(new Date(Date.UTC(2025, first + month, day))));
}

/** Digits as keyboards in Iran type them become those that programs read. */
export function toLatinDigits(text: string): string {
  return text
    .replaceAll(/[۰-۹]/g, (digit) => String(digit.charCodeAt(0) - 0x06f0))
    .replaceAll(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x0660));
}

export const LanguageContext = createContext<Language | undefined>(undefined);

/** The language that the page speaks. Pages with words of their own name their type. */
export function useLanguage<W extends KitWords = KitWords>(): Language<W> {
  const language = useContext(LanguageContext);
  if (language === undefined) throw new Error('outside of the pages');
  return language as Language as Language<W>;
}

/** The words of one language, fetched when it is spoken. */
export type WordSource<W extends KitWords> = (locale: Locale) => Promise<W>;

/** A language whose words are there. */
export type Speech<W extends KitWords> = { readonly locale: Locale; readonly words: W };

/** The language of the whole page, and the change to the other one. */
export function useSpeech<W extends KitWords>(first: Speech<W>, load: WordSource<W>) {
  const [{ locale, words }, setSpeech] = useState(first);
  const language = useMemo(() => createLanguage(locale, words), [locale, words]);
  useEffect(() => {
    document.documentElement.lang = locale;
    document.documentElement.dir = locale === 'fa' ? 'rtl' : 'ltr';
  }, [locale]);
  const change = async () => {
    const next = locale === 'fa' ? 'en' : 'fa';
    setSpeech({ locale: next, words: await load(next) });
  };
  return { language, change };
}

/** The language that the page was sent in. */
export function documentLocale(): Locale {
  return document.documentElement.lang === 'fa' ? 'fa' : 'en';
}
