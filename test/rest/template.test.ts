import { expect, test } from 'vitest';
import { parseTemplate, type Segment } from '../../src/rest/template.ts';

const literal = (text: string): Segment => ({ kind: 'literal', text });
const one: Segment = { kind: '*' };
const rest: Segment = { kind: '**' };

const cases: [string, ReturnType<typeof parseTemplate>][] = [
  ['/users', { segments: [literal('users')], variables: [], verb: '' }],
  [
    '/auth/2fa/totp',
    { segments: [literal('auth'), literal('2fa'), literal('totp')], variables: [], verb: '' },
  ],
  [
    '/users/{user_id}',
    {
      segments: [literal('users'), one],
      variables: [{ fieldPath: ['user_id'], start: 1, end: 2 }],
      verb: '',
    },
  ],
  [
    '/{a.b}/x',
    { segments: [one, literal('x')], variables: [{ fieldPath: ['a', 'b'], start: 0, end: 1 }], verb: '' },
  ],
  [
    '/v1/{name=shelves/*/books/*}:archive',
    {
      segments: [literal('v1'), literal('shelves'), one, literal('books'), one],
      variables: [{ fieldPath: ['name'], start: 1, end: 5 }],
      verb: 'archive',
    },
  ],
  [
    '/files/{path=**}',
    { segments: [literal('files'), rest], variables: [{ fieldPath: ['path'], start: 1, end: -1 }], verb: '' },
  ],
  ['/*/**:go', { segments: [one, rest], variables: [], verb: 'go' }],
  ['/caf%C3%A9', { segments: [literal('café')], variables: [], verb: '' }],
];
for (const [text, parsed] of cases) {
  test(`the template ${text} is parsed`, () => {
    expect(parseTemplate(text)).toEqual(parsed);
  });
}

const invalid: [string, string][] = [
  ['', "expected '/' but found the end at column 1"],
  ['users', "expected '/' but found 'u' at column 1"],
  ['/', 'expected a segment at column 2'],
  ['//x', "unexpected '/' at column 2"],
  ['/x/', 'expected a segment at column 4'],
  ['/x y', "unexpected ' ' at column 3"],
  ['/x?y', "unexpected '?' at column 3"],
  ['/x:', 'expected a segment at column 4'],
  ['/x:y/z', "unexpected '/' at column 5"],
  ['/{', 'expected a field name at column 3'],
  ['/{}', 'expected a field name at column 3'],
  ['/{1a}', 'expected a field name at column 3'],
  ['/{a.}', 'expected a field name at column 5'],
  ['/{a', "expected '}' but found the end at column 4"],
  ['/{a=}', "unexpected '}' at column 5"],
  ['/{a={b}}', 'variables do not nest at column 5'],
  ['/{a}/{a}', "'a' is bound twice at column 8"],
  ['/**/x', "nothing may follow '**' at column 5"],
  ['/{a=**}/x', "nothing may follow '**' at column 9"],
  ['/{a}b', "unexpected 'b' at column 5"],
  ['/a{b}', "unexpected '{' at column 3"],
  ['/%zz', 'broken percent-encoding before at column 5'],
];
for (const [text, problem] of invalid) {
  test(`the template '${text}' is rejected with the column`, () => {
    expect(() => parseTemplate(text)).toThrowError(`${JSON.stringify(text)}: ${problem}`);
  });
}
