import { gzipSync } from 'node:zlib';
import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { RegisterRequestSchema } from '../../gen/manam/v1/auth_service_pb.js';
import { createGrpcUnary } from '../../src/server/grpc-unary.ts';
import { answerOf, options, type Sent, spec, theirs } from '../support/beside-connect.ts';

// The handler answers as Connect's own does, whatever it is sent.

const ours = createGrpcUnary(options, spec);

const envelope = (data: Uint8Array, flags = 0) => {
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(data.length, 1);
  return Buffer.concat([prefix, data]);
};
const message = (email: string) => create(RegisterRequestSchema, { email });
const binary = (email: string) => toBinary(RegisterRequestSchema, message(email));

const one = (bytes: Uint8Array): Sent => ({ chunks: [bytes] });

const gzip = { 'grpc-encoding': 'gzip' };

test.each<[string, Sent]>([
  ['a message', one(envelope(binary('a')))],
  ['a message in small pieces', { chunks: [...envelope(binary('a'))].map((byte) => Buffer.from([byte])) }],
  ['an empty message', one(envelope(Buffer.alloc(0)))],
  ['no message', { chunks: [] }],
  ['half a prefix', one(Buffer.from([0, 0]))],
  ['half a message', one(envelope(binary('abc')).subarray(0, 7))],
  ['two messages', one(Buffer.concat([envelope(binary('a')), envelope(binary('b'))]))],
  ['a message as long as may be', one(envelope(binary('a'.repeat(98))))],
  ['a message that is too long', one(envelope(binary('a'.repeat(99))))],
  ['a prefix that promises too much', one(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]))],
  ['a message that is none', one(envelope(Buffer.from([0xff, 0xff])))],
  ['a packed message', { ...one(envelope(gzipSync(binary('a')), 1)), header: gzip }],
  ['a packed message that is none', { ...one(envelope(Buffer.from('none'), 1)), header: gzip }],
  ['a bomb', { ...one(envelope(gzipSync(binary('a'.repeat(5000))), 1)), header: gzip }],
  ['a packed message without a word of it', one(envelope(gzipSync(binary('a')), 1))],
  ['a plain message where packed ones may come', { ...one(envelope(binary('a'))), header: gzip }],
  ['an unknown packing', { ...one(envelope(binary('a'))), header: { 'grpc-encoding': 'zip' } }],
  [
    'a caller who takes packed answers',
    { ...one(envelope(binary('a'))), header: { 'grpc-accept-encoding': 'gzip' } },
  ],
  ['a method other than POST', { ...one(envelope(binary('a'))), method: 'GET' }],
  [
    'another content type',
    { ...one(envelope(binary('a'))), header: { 'content-type': 'application/grpc+xml' } },
  ],
  [
    'JSON',
    {
      ...one(envelope(Buffer.from(toJsonString(RegisterRequestSchema, message('a'))))),
      header: { 'content-type': 'application/grpc+json' },
    },
  ],
  [
    'JSON with an unknown field',
    { ...one(envelope(Buffer.from('{"un":1}'))), header: { 'content-type': 'application/grpc+json' } },
  ],
  ['a deadline', { ...one(envelope(binary('a'))), header: { 'grpc-timeout': '5S' } }],
  ['a deadline that is none', { ...one(envelope(binary('a'))), header: { 'grpc-timeout': 'soon' } }],
  ['a deadline that is too long', { ...one(envelope(binary('a'))), header: { 'grpc-timeout': '9H' } }],
  ['a caller whom the gate rejects', { ...one(envelope(binary('a'))), header: { refused: 'yes' } }],
  ['an error with metadata', one(envelope(binary('taken')))],
  ['an error that is a defect', one(envelope(binary('broken')))],
])('%s is answered as Connect answers it', async (_, { header, ...sent }) => {
  const whole = { ...sent, header: { 'content-type': 'application/grpc', ...header } };
  expect(await answerOf(ours, whole, '2.0')).toEqual(await answerOf(theirs, whole, '2.0'));
});
