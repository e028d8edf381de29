import { getOption } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { http } from '../../gen/google/api/annotations_pb.js';
import { publicServices } from '../../src/contract/services.ts';
import { useTestApp } from '../support/app.ts';
import { seeded } from '../support/seeded.ts';

const services = Object.values(publicServices);

const testApp = useTestApp();
const requests = 10_000;

const methods = services
  .flatMap((service) => service.methods)
  .filter(({ methodKind }) => methodKind === 'unary');
const paths = methods.flatMap((method) => {
  const rule = getOption(method, http);
  return [rule, ...rule.additionalBindings].map(({ pattern }) => String(pattern.value));
});
const names = [
  ...new Set(methods.flatMap((method) => method.input.fields.map(({ name }) => name))),
  'custome_fields',
  '__proto__',
  'constructor',
  'x',
  '',
];
const values = [
  '',
  'a',
  'a@example.com',
  '\u0000',
  '\ud800',
  'x'.repeat(5000),
  '../../etc/passwd',
  "' OR 1=1 --",
  '{{x}}',
  '<script>',
  '%00',
  '2020-02-30',
  '۱۲۳',
  'null',
  null,
  true,
  0,
  -1,
  1e308,
  [],
  {},
  [[]],
  { a: { b: { c: { d: { e: 1 } } } } },
];

test(`${requests} seeded random requests never make the server fail`, async () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? 20_260_101);
  const { pick, below } = seeded(seed);
  const { url, dev, logLines } = testApp();

  const body = () => {
    const object: Record<string, unknown> = {};
    for (let count = below(5); count > 0; count -= 1) object[pick(names)] = pick(values);
    const text = JSON.stringify(object);
    const kind = below(10);
    if (kind === 0) return text.slice(0, below(text.length));
    if (kind === 1) return `${text}${text}`;
    return kind === 2 ? Buffer.from(Array.from({ length: below(40) }, () => below(256))) : text;
  };
  const send = async () => {
    const method = pick(['GET', 'POST', 'POST', 'POST', 'DELETE', 'PUT', 'HEAD', 'OPTIONS', 'PATCH']);
    const path =
      pick(['', '/manam', '/x']) +
      pick(paths).replaceAll(
        /\{\w+\}/g,
        () => encodeURIComponent(String(pick(values)).toWellFormed()) || 'x',
      );
    const query =
      below(4) === 0 ? `?${pick(names)}=${encodeURIComponent(String(pick(values)).toWellFormed())}` : '';
    const response = await fetch(url + path + query, {
      method,
      headers: {
        apieco_key: pick([dev.publishable, dev.publishable, dev.secret, 'wrong', '']),
        'content-type': pick([
          'application/json',
          'application/json',
          'application/x-www-form-urlencoded',
          'text/plain',
          '',
        ]),
        ...(below(5) === 0 ? { authorization: pick(['Bearer x', 'Bearer', 'x']) } : {}),
      },
      ...(method === 'GET' || method === 'HEAD' ? {} : { body: body() }),
    });
    await response.arrayBuffer();
    return response.status >= 500 ? `${response.status} ${method} ${path}${query}` : undefined;
  };

  const failures: string[] = [];
  const worker = async () => {
    for (let count = 0; count < requests / 10; count += 1) {
      const failure = await send();
      if (failure !== undefined) failures.push(failure);
    }
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  expect(failures, `seed ${seed}`).toEqual([]);
  expect(logLines.filter((line) => line.includes('"level":50'))).toEqual([]);
}, 120_000);
