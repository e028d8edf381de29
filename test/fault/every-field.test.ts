import { type DescField, type DescMethod, getOption, ScalarType } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { access, SessionLevel } from '../../gen/manam/options/v1/access_pb.js';
import { publicServices } from '../../src/contract/services.ts';
import { useTestApp } from '../support/app.ts';
import { tell } from '../support/figures.ts';
import { enrolTotp, signUp } from '../support/journey.ts';
import { readDescription, routesIn } from '../support/openapi.ts';
import { seeded } from '../support/seeded.ts';

const services = Object.values(publicServices);

// Every field of every call is filled with what it was not made for, over every way in: it is
// refused or taken, and never breaks anything (R77). FUZZ_ROUNDS and FUZZ_SEED change the run.

const rounds = Number(process.env['FUZZ_ROUNDS'] ?? 1);
const seed = Number(process.env['FUZZ_SEED'] ?? 20261128);
const testApp = useTestApp();

const text = (value: string) => JSON.stringify(value);
/** Values as JSON texts, because some of them no serializer would write. */
const values: readonly string[] = [
  'null',
  'true',
  '0',
  '-1',
  '1e308',
  '1e400',
  '9007199254740993',
  '00',
  '[]',
  '{}',
  '[[[[]]]]',
  '{"__proto__":{"a":1}}',
  '[null]',
  '"\\ud800"',
  '"\\udfff\\ud800"',
  '"\\u0000"',
  ...[
    '',
    ' ',
    'x',
    'x'.repeat(255),
    'x'.repeat(1025),
    'x'.repeat(60_000),
    `a${'\u0345'.repeat(15_000)}@example.com`,
    `${'\u0300\u0334'.repeat(16)}`,
    '\ufdfa'.repeat(300),
    '\u202e\u200b\u00ad\ufeff',
    '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}',
    '\u06f0\u06f9\u06f1\u06f2',
    '+98912\u2013123\u2011\u00ad4567',
    '999',
    '+999999999999999999999',
    '-0',
    '0000-00-00',
    '2021-02-30',
    '275760-09-13',
    'a@b',
    '"a b"@example.com',
    `${'a'.repeat(64)}@${'b.'.repeat(90)}com`,
    '[::1]',
    'javascript:alert(1)',
    'https://tenant.com%00/',
    "' OR 1=1 -- ",
    '{{7*7}}<%= 7*7 %>',
    '../../../../etc/passwd',
    'toString',
    'constructor',
    '__proto__',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999999Z',
    '315576000000s',
    '-315576000000.999999999s',
    'AAAA.AAAA.AAAA',
    '01a206cc-e6c5-7754-9c78-25ac7371fb0b',
    '\uffff\ufffe',
    'i\u0307stanbul@example.com',
    'fa_IR',
    'NaN',
  ].map(text),
];
const bytes: readonly Buffer[] = [
  Buffer.from([0xff, 0xfe]),
  Buffer.from([0xc0, 0x80]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xf4, 0x90, 0x80, 0x80]),
  Buffer.alloc(2000, 0xcc),
  Buffer.from('\u0000'),
];

type Answer = { readonly status: number; readonly body: string };
type Way = { readonly name: string; send(method: DescMethod, body: string): Promise<Answer> };

const routes = routesIn(readDescription());

/** The route of REST that takes a body for a call. */
function restPathOf(method: DescMethod): string | undefined {
  return routes.find(
    ({ httpMethod, path, operation }) =>
      httpMethod === 'POST' && !path.includes('{') && operation.operationId === method.localName,
  )?.path;
}

let credentials: Record<string, string> = {};
let keyed: Record<string, string> = {};

/** A caller who may call everything, renewed for each method because some end the session. */
async function renewCaller(): Promise<void> {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  credentials = { authorization: `Bearer ${user.accessToken}`, 'x-api-key': testApp().dev.publishable };
  keyed = { 'x-api-key': testApp().dev.secret };
}

function headersFor(method: DescMethod): Record<string, string> {
  const rule = getOption(method, access);
  return rule.sessions.includes(SessionLevel.SIGNED_IN)
    ? credentials
    : rule.scope === ''
      ? { 'x-api-key': testApp().dev.publishable }
      : keyed;
}

async function post(
  path: string,
  body: string | Buffer,
  headers: Record<string, string>,
  isStream = false,
): Promise<Answer> {
  const response = await fetch(testApp().url + path, { method: 'POST', body, headers });
  const trailer = response.headers.get('grpc-message') ?? '';
  const content = isStream ? await beginningOf(response) : await response.text();
  return { status: response.status, body: `${content}${trailer}` };
}

/** The first part of a response that does not end by itself. */
async function beginningOf({ body }: Response): Promise<string> {
  const reader = body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  await reader?.cancel();
  return Buffer.from(value ?? []).toString();
}

const isStream = ({ methodKind }: DescMethod) => methodKind === 'server_streaming';

const pathOf = ({ parent, name }: DescMethod) => `/${parent.typeName}/${name}`;
const json = { 'content-type': 'application/json' };

function enveloped(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

const ways: readonly Way[] = [
  {
    name: 'Connect',
    send: (method, body) =>
      isStream(method)
        ? post(
            pathOf(method),
            enveloped(Buffer.from(body)),
            { ...headersFor(method), 'content-type': 'application/connect+json' },
            true,
          )
        : post(pathOf(method), body, { ...headersFor(method), ...json }),
  },
  {
    name: 'gRPC-Web',
    send: (method, body) =>
      post(
        pathOf(method),
        enveloped(Buffer.from(body)),
        { ...headersFor(method), 'content-type': 'application/grpc-web+json' },
        isStream(method),
      ),
  },
  {
    name: 'REST',
    send: (method, body) =>
      post(restPathOf(method) ?? pathOf(method), body, { ...headersFor(method), ...json }),
  },
];

/** One text field of a message in the wire format of Protobuf, of bytes that a serializer would refuse. */
function encoded({ number }: DescField, content: Buffer): Buffer {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(content.length)]), content]);
}

/** Findings: an internal error, or a response that shows internals. */
function isBroken({ status, body }: Answer): boolean {
  return (
    (status >= 500 && status !== 501 && status !== 503) ||
    /INTERNAL|"code": ?"internal"|grpc-status: 13|node_modules|SELECT |INSERT /.test(body)
  );
}

test('no value in any field of any call causes an internal error, over every protocol', async () => {
  const { below, pick } = seeded(seed);
  const broken: string[] = [];
  const counts: Record<string, number> = {};
  let worstMs = 0;
  const note = async (what: string, call: Promise<Answer>) => {
    const startedAt = performance.now();
    const answer = await call;
    if (answer.status >= 400) worstMs = Math.max(worstMs, performance.now() - startedAt);
    counts[answer.status] = (counts[answer.status] ?? 0) + 1;
    if (isBroken(answer)) broken.push(`${what}: ${answer.status} ${answer.body.slice(0, 200)}`);
  };

  for (let round = 0; round < rounds; round += 1) {
    for (const method of services.flatMap((service) => service.methods)) {
      await renewCaller();
      for (const field of method.input.fields) {
        const name = field.jsonName;
        const others = () =>
          method.input.fields
            .filter((each) => each !== field && below(3) === 0)
            .map((each) => `${text(each.jsonName)}:${pick(values)}`);
        const calls = values.map((value) => {
          const way = pick(ways);
          const body = `{${[`${text(name)}:${value}`, ...(below(2) === 0 ? [] : others())].join(',')}}`;
          const twice = below(20) === 0 ? body.replace('{', `{${text(name)}:${pick(values)},`) : body;
          return () => note(`${way.name} ${method.name} ${twice.slice(0, 300)}`, way.send(method, twice));
        });
        if (field.scalar === ScalarType.STRING)
          calls.push(
            ...bytes.map(
              (content) => () =>
                note(
                  `Protobuf ${method.name}.${field.name} ${content.subarray(0, 8).toString('hex')}`,
                  post(pathOf(method), encoded(field, content), {
                    ...headersFor(method),
                    'content-type': 'application/proto',
                  }),
                ),
            ),
          );
        for (let at = 0; at < calls.length; at += 8)
          await Promise.all(calls.slice(at, at + 8).map((call) => call()));
      }
    }
  }
  tell('every field of every call', {
    seed,
    requests: Object.values(counts).reduce((sum, count) => sum + count, 0),
    statuses: counts,
    slowestRefusalMs: Math.round(worstMs),
  });
  expect(broken).toEqual([]);
  expect(testApp().logLines.filter((line) => line.includes('"level":50'))).toEqual([]);
}, 300_000);
