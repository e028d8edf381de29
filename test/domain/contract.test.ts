import { getOption, hasOption } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { http } from '../../gen/google/api/annotations_pb.js';
import { AdminService } from '../../gen/manam/admin/v1/admin_service_pb.js';
import { error } from '../../gen/manam/options/v1/error_pb.js';
import { rest_method } from '../../gen/manam/options/v1/rest_pb.js';
import { ErrorReasonSchema } from '../../gen/manam/v1/error_reason_pb.js';
import { publicServices } from '../../src/contract/services.ts';
import { reasons } from '../../src/domain/errors.ts';
import { locales } from '../../src/domain/locale.ts';
import { emailTemplates, smsTemplates } from '../../src/domain/templates/index.ts';
import { readAccessRules } from '../../src/server/access-rules.ts';

const services = Object.values(publicServices);

const methods = services.flatMap((service) => service.methods);

test('the reasons of the code and of the contract are the same', () => {
  const declared = ErrorReasonSchema.values.map(({ name }) => name.replace('ERROR_REASON_', ''));
  expect(declared.filter((name) => name !== 'UNSPECIFIED').sort()).toEqual([...reasons].sort());
});

test('every reason speaks every language', () => {
  const mute = ErrorReasonSchema.values.slice(1).filter((value) => {
    const { message } = getOption(value, error);
    return locales.some((locale) => !message?.[locale]);
  });
  expect(mute).toEqual([]);
});

test('every success message speaks every language', () => {
  const mute = methods.filter((method) => {
    const text = hasOption(method, rest_method) ? getOption(method, rest_method).successMessage : undefined;
    return text !== undefined && locales.some((locale) => text[locale] === '');
  });
  expect(mute.map(({ name }) => name)).toEqual([]);
});

test('every message exists in every language, with the same variables', () => {
  const variables = (words: string) => [...words.matchAll(/\{\w+\}/g)].map(([variable]) => variable).sort();
  const expectAlike = (name: string, words: string[][]) => {
    expect(
      words.flat().every((word) => word.trim() !== ''),
      name,
    ).toBe(true);
    expect(
      new Set(words.map((each) => JSON.stringify([...new Set(each.flatMap(variables))].sort()))).size,
      name,
    ).toBe(1);
  };
  for (const [name, languages] of Object.entries(emailTemplates)) {
    expectAlike(
      name,
      locales.map((locale) => [languages[locale].subject, ...languages[locale].paragraphs]),
    );
    expect(new Set(locales.map((locale) => languages[locale].action === '')).size, name).toBe(1);
  }
  for (const [name, languages] of Object.entries(smsTemplates)) {
    expectAlike(
      name,
      locales.map((locale) => [languages[locale].text]),
    );
  }
});

test('every RPC has a REST route and an access declaration', () => {
  // REST has no streams: what they say is listed by ListEvents.
  const routed = methods.filter(({ methodKind }) => methodKind === 'unary');
  expect(routed.filter((method) => !hasOption(method, http)).map(({ name }) => name)).toEqual([]);
  expect(readAccessRules(services).size).toBe(methods.length);
});

test('no RPC can be called by GET over Connect, which would put requests into URLs', () => {
  expect(methods.filter(({ idempotency }) => idempotency !== 0)).toEqual([]);
});

test('a method without an access declaration stops the server', () => {
  const service = publicServices.auth;
  const method = { ...service.methods[0], proto: {} } as unknown as (typeof service.methods)[0];
  expect(() =>
    readAccessRules([{ ...service, methods: [method] } as unknown as typeof service]),
  ).toThrowError('manam.v1.AuthService/Register has no access declaration');
});

test('no RPC streams without being listed here', () => {
  const streaming = [...services, AdminService].flatMap((service) =>
    service.methods.filter(({ methodKind }) => methodKind !== 'unary').map(({ name }) => name),
  );
  expect(streaming).toEqual(['WatchEvents', 'WatchSession']);
});
