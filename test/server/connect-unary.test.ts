import { gzipSync } from 'node:zlib';
import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { RegisterRequestSchema } from '../../gen/manam/v1/auth_service_pb.js';
import { createConnectUnary, isConnectPost } from '../../src/server/connect-unary.ts';
import { answerOf, maxBytes, options, type Sent, spec, theirs } from '../support/beside-connect.ts';

// The handler answers as Connect's own does, whatever it is sent.

const ours = createConnectUnary(options, spec);

const message = (email: string) => create(RegisterRequestSchema, { email });
const binary = (email: string) => toBinary(RegisterRequestSchema, message(email));
const json = (email: string) => Buffer.from(toJsonString(RegisterRequestSchema, message(email)));

const one = (bytes: Uint8Array, header: Record<string, string> = {}): Sent => ({ chunks: [bytes], header });

const proto = { 'content-type': 'application/proto' };
const gzip = { 'content-encoding': 'gzip' };
const longest = maxBytes - json('').length - '"email":""'.length;

test.each<[string, Sent]>([
  ['JSON', one(json('a'))],
  ['JSON in another spelling', one(json('a'), { 'content-type': 'Application/JSON; charset=utf8' })],
  ['JSON in small pieces', { chunks: [...json('a')].map((byte) => Buffer.from([byte])) }],
  ['binary', one(binary('a'), proto)],
  ['an empty binary message', one(Buffer.alloc(0), proto)],
  ['no JSON', { chunks: [] }],
  ['half of a message', one(json('abc').subarray(0, 7))],
  ['JSON that is no message', one(Buffer.from('[]'))],
  ['JSON with an unknown field', one(Buffer.from('{"un":1}'))],
  ['JSON with a wrong type', one(Buffer.from('{"email":1}'))],
  ['binary that is none', one(Buffer.from([0xff, 0xff]), proto)],
  ['a message as long as may be', one(json('a'.repeat(longest)))],
  ['a message that is too long', one(json('a'.repeat(longest + 1)))],
  ['a length that promises too much', one(json('a'), { 'content-length': '1000000' })],
  ['a length that is none', one(json('a'), { 'content-length': 'long' })],
  ['a length that is wrong', one(json('a'), { 'content-length': '3' })],
  ['a packed message', one(gzipSync(json('a')), gzip)],
  ['a packed message that is none', one(Buffer.from('none'), gzip)],
  ['a bomb', one(gzipSync(json('a'.repeat(5000))), gzip)],
  ['a plain message that is said to be packed', one(json('a'), gzip)],
  ['a packed message without a word of it', one(gzipSync(json('a')))],
  ['an unknown packing', one(json('a'), { 'content-encoding': 'zip' })],
  ['a caller who takes packed answers', one(json('a'), { 'accept-encoding': 'br, gzip' })],
  ['a caller who takes packed answers, and gets an error', one(json('taken'), { 'accept-encoding': 'gzip' })],
  ['a caller who takes packed answers, and gets a short one', one(json(''), { 'accept-encoding': 'gzip' })],
  ['a deadline', one(json('a'), { 'connect-timeout-ms': '5000' })],
  ['a deadline that is none', one(json('a'), { 'connect-timeout-ms': 'soon' })],
  ['a deadline that is too long', one(json('a'), { 'connect-timeout-ms': '30001' })],
  ['a caller whom the gate rejects', one(json('a'), { refused: 'yes' })],
  [
    'a caller whom the gate rejects, with an unknown packing',
    one(json('a'), { refused: 'yes', 'content-encoding': 'zip' }),
  ],
  ['an error with metadata', one(json('taken'))],
  ['an error of a binary call', one(binary('taken'), proto)],
  ['an error that is a defect', one(json('broken'))],
])('%s is answered as Connect answers it', async (_, { header, ...sent }) => {
  const whole = { ...sent, header: { 'content-type': 'application/json', ...header } };
  const expected = await answerOf(theirs, whole, '1.1');
  expect(isConnectPost({ method: 'POST', header: new Headers(whole.header) })).toBe(true);
  expect(await answerOf(ours, whole, '1.1')).toEqual(expected);
});

test.each([
  ['a GET', 'GET', 'application/json'],
  ['a stream', 'POST', 'application/connect+json'],
  ['gRPC-Web', 'POST', 'application/grpc-web+proto'],
  ['another content type', 'POST', 'text/plain'],
  ['another charset', 'POST', 'application/json; charset=latin1'],
])("%s is left to Connect's own handler", (_, method, type) => {
  expect(isConnectPost({ method, header: new Headers({ 'content-type': type }) })).toBe(false);
});
