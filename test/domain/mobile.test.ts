import { expect, test } from 'vitest';
import { systemRandom } from '../../src/adapters/random.ts';
import { describeMobile, maskMobile, parseMobile } from '../../src/domain/mobile.ts';
import { makeStandaloneCode, normalizeCode } from '../../src/domain/one-time-code.ts';

const policy = { defaultCountry: 'IR', countries: ['IR', 'DE', 'US'] };

const spellings: [string, string][] = [
  ['09111087815', ''],
  ['9111087815', ''],
  ['09111087815', '+98'],
  ['9111087815', '98'],
  ['9111087815', '0098'],
  ['+989111087815', ''],
  ['+989111087815', '+98'],
  ['00989111087815', ''],
  ['0098 911 108 7815', ''],
  ['0911-108-7815', ''],
  ['(0911) 108 7815', ''],
  ['0911.108.7815', ''],
  [' 09111087815 ', ''],
  ['۰۹۱۱۱۰۸۷۸۱۵', ''],
  ['٠٩١١١٠٨٧٨١٥', ''],
  ['۰۹۱۱۱۰۸۷۸۱۵', '+۹۸'],
  ['０９１１１０８７８１５', ''],
  ['۰0۹۸9111087815'.replace('۰0', '۰۰'), ''],
  ['+98 (0)911 108 7815'.replace('(0)', ''), ''],
  ['98 911 108 7815', ''],
];
for (const [text, seed] of spellings) {
  test(`'${text}' with the seed '${seed}' is +989111087815`, () => {
    expect(parseMobile(text, seed, policy)).toEqual({ address: '+989111087815', canonical: '+989111087815' });
  });
}

const refused: [string, string, string, string][] = [
  ['', '', 'mobile', 'FIELD_REQUIRED'],
  ['091223423', '', 'mobile', 'MOBILE_INVALID'],
  ['93562717380', '', 'mobile', 'MOBILE_INVALID'],
  ['02188776655', '', 'mobile', 'MOBILE_INVALID'],
  ['09111087815,09111087816', '', 'mobile', 'MOBILE_INVALID'],
  ['09111087815\r\n09111087816', '', 'mobile', 'MOBILE_INVALID'],
  ['09111087815;ext=5', '', 'mobile', 'MOBILE_INVALID'],
  ['tel:09111087815', '', 'mobile', 'MOBILE_INVALID'],
  ['9'.repeat(40), '', 'mobile', 'MOBILE_INVALID'],
  ['+++989111087815', '', 'mobile', 'MOBILE_INVALID'],
  ['+989111087815', '+1', 'mobile', 'MOBILE_INVALID'],
  ['09111087815', 'IR', 'mobile_seed', 'MOBILE_INVALID'],
  ['09111087815', '+98765', 'mobile_seed', 'MOBILE_INVALID'],
  ['+447400123456', '', 'mobile', 'COUNTRY_DENIED'],
];
for (const [text, seed, field, reason] of refused) {
  test(`'${JSON.stringify(text).slice(1, -1)}' with the seed '${seed}' is rejected as ${reason}`, () => {
    expect(() => parseMobile(text, seed, policy)).toThrowError(
      expect.objectContaining({ details: { violations: [{ field, reason }] } }),
    );
  });
}

test('a number is shown in national form, or masked', () => {
  expect(describeMobile('+989111087815')).toEqual({ mobile: '09111087815', mobileSeed: '+98' });
  expect(maskMobile('+989111087815')).toBe('+********7815');
});

test('a code has one spelling, whatever keyboard it is typed on', () => {
  for (const typed of ['1234 abco', '۱۲۳۴-ABC0', '١٢٣٤abc0', 'I234ABCO', 'l234abcO'])
    expect(normalizeCode(typed)).toBe('1234ABC0');
  const codes = new Set(Array.from({ length: 200 }, () => makeStandaloneCode(systemRandom)));
  expect(codes.size).toBe(200);
  for (const code of codes) expect([code.length, normalizeCode(code)]).toEqual([8, code]);
});
