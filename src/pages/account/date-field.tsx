import { useContext, useId, useState } from 'preact/hooks';
import { FailureContext } from '../kit/frame.tsx';
import { monthNames, toLatinDigits } from '../kit/language.ts';
import { useLanguage } from './language.ts';

/** Below this a year is of the Jalali calendar, as the service reads it. */
const firstGregorianYear = 1500;

/** A date in either calendar, as the service takes it: YYYY-MM-DD, whose year says which. */
export function DateField({
  name,
  label,
  value,
}: {
  readonly name: string;
  readonly label: string;
  readonly value: string;
}) {
  const { t, locale, number } = useLanguage();
  const id = useId();
  const [year = '', month = '', day = ''] = value.split('-');
  const [isJalali, setJalali] = useState(value === '' ? locale === 'fa' : Number(year) < firstGregorianYear);
  const [parts, setParts] = useState({ year, month: String(Number(month)), day: String(Number(day)) });
  /** A date that stands until another one is whole. */
  const [isKept, setKept] = useState(false);
  const mistake = useContext(FailureContext)?.fields[name]?.message;
  const months = monthNames(locale, isJalali ? 'persian' : 'gregory');
  const wrong = {
    'data-names': name,
    'aria-invalid': mistake !== undefined,
    ...(mistake !== undefined && { 'aria-describedby': `${id}-mistake` }),
  };
  const set = (part: Partial<typeof parts>) => {
    setKept(false);
    setParts({ ...parts, ...part });
  };
  const pad = (text: string) => toLatinDigits(text).trim().padStart(2, '0');
  const isEmpty = parts.year.trim() === '' && Number(parts.month) === 0 && Number(parts.day) === 0;
  const whole = isEmpty
    ? isKept
      ? value
      : ''
    : `${toLatinDigits(parts.year).trim().padStart(4, '0')}-${pad(parts.month)}-${pad(parts.day)}`;
  return (
    <fieldset>
      <legend>{label}</legend>
      <input type="hidden" name={name} value={whole} />
      <div class="row">
        <div class="field">
          <label for={`${id}-calendar`}>{t('calendar')}</label>
          <select
            id={`${id}-calendar`}
            value={isJalali ? 'jalali' : 'gregorian'}
            onChange={(event) => {
              setJalali(event.currentTarget.value === 'jalali');
              // Taking the other calendar is no wish to be without a birthday.
              setKept(true);
              setParts({ year: '', month: '0', day: '0' });
            }}
          >
            <option value="gregorian">{t('gregorian')}</option>
            <option value="jalali">{t('jalali')}</option>
          </select>
        </div>
        <div class="field">
          <label for={`${id}-day`}>{t('day')}</label>
          <select
            id={`${id}-day`}
            {...wrong}
            autocomplete="bday-day"
            value={parts.day}
            onChange={(event) => set({ day: event.currentTarget.value })}
          >
            <option value="0"> </option>
            {Array.from({ length: 31 }, (_, index) => (
              <option key={index} value={String(index + 1)}>
                {number(index + 1)}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for={`${id}-month`}>{t('month')}</label>
          <select
            id={`${id}-month`}
            {...wrong}
            autocomplete="bday-month"
            value={parts.month}
            onChange={(event) => set({ month: event.currentTarget.value })}
          >
            <option value="0"> </option>
            {months.map((text, index) => (
              <option key={text} value={String(index + 1)}>
                {text}
              </option>
            ))}
          </select>
        </div>
        <div class="field year">
          <label for={`${id}-year`}>{t('year')}</label>
          <input
            id={`${id}-year`}
            {...wrong}
            inputMode="numeric"
            autocomplete="bday-year"
            maxLength={4}
            value={parts.year}
            onInput={(event) => set({ year: event.currentTarget.value })}
          />
        </div>
      </div>
      {mistake !== undefined && (
        <p id={`${id}-mistake`} class="mistake">
          {mistake}
        </p>
      )}
    </fieldset>
  );
}
