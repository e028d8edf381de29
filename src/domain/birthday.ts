import { invalid } from './errors.ts';
import { foldDigits } from './typed-text.ts';

/** Years below this are of the Jalali calendar: no one alive was born in a Gregorian year so low. */
const firstGregorianYear = 1500;
/** Years below this are mistakes: Jalali ones of the 17th century. */
const firstYear = 1000;
const form = /^(\d{4})-(\d{2})-(\d{2})$/;
const dayMs = 86_400_000;
/** 1 Farvardin of the Jalali year 1 (Julian 19 March 622), in days of the Unix epoch. */
const jalaliEpochDay = -492_268;

const persian = new Intl.DateTimeFormat('en-u-ca-persian-nu-latn', {
  timeZone: 'UTC',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
});

/** The Jalali date of a day, as the ICU data of the runtime has it. */
function jalaliOf(day: number): { year: number; month: number; date: number } {
  const parts = persian.formatToParts(day * dayMs);
  const number = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  return { year: number('year'), month: number('month'), date: number('day') };
}

/**
 * The day of a Jalali date in days of the Unix epoch, or undefined where the
 * calendar has no such date. Counted from the year's mean length and then set
 * right against the runtime's calendar, which knows the leap years.
 */
function dayOfJalali(year: number, month: number, date: number): number | undefined {
  const daysBeforeMonth = month <= 7 ? (month - 1) * 31 : 186 + (month - 7) * 30;
  const guess = jalaliEpochDay + Math.round((year - 1) * 365.242_198) + daysBeforeMonth + date - 1;
  for (let day = guess - 3; day <= guess + 3; day += 1) {
    const found = jalaliOf(day);
    if (found.year === year && found.month === month && found.date === date) return day;
  }
  return undefined;
}

export type Birthday = {
  /** As sent, in Latin digits. */
  readonly text: string;
  /** The Gregorian date, YYYY-MM-DD. */
  readonly gregorian: string;
};

/** Reads a birthday in either calendar; the future is refused. Empty: undefined. */
export function parseBirthday(typed: string, now: Date): Birthday | undefined {
  if (typed === '') return undefined;
  const text = foldDigits(typed);
  const [, year, month, date] = (form.exec(text) ?? []).map(Number);
  const refuse = () => invalid({ field: 'birthday', reason: 'DATE_INVALID' });
  if (year === undefined || month === undefined || date === undefined || year < firstYear) throw refuse();
  const day =
    year < firstGregorianYear ? dayOfJalali(year, month, date) : Date.UTC(year, month - 1, date) / dayMs;
  if (day === undefined || Number.isNaN(day) || day * dayMs > now.getTime()) throw refuse();
  const gregorian = new Date(day * dayMs).toISOString().slice(0, 10);
  // Date.UTC turns 30 February into 1 March instead of refusing it.
  if (year >= firstGregorianYear && gregorian !== text) throw refuse();
  return { text, gregorian };
}
