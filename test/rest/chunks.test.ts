import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { chunksOf } from '../../src/rest/chunks.ts';

const bodyOf = (stream: PassThrough) => chunksOf(stream as unknown as IncomingMessage);

async function read(stream: PassThrough): Promise<string> {
  let text = '';
  for await (const chunk of bodyOf(stream)) text += chunk.toString();
  return text;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a body is read to its end, whenever its parts come', async () => {
  const early = new PassThrough();
  early.write('one ');
  early.end('two');
  expect(await read(early)).toBe('one two');

  const late = new PassThrough();
  const reading = read(late);
  for (const part of ['one ', 'two']) {
    await turn();
    late.write(part);
  }
  await turn();
  late.end();
  expect(await reading).toBe('one two');

  const empty = new PassThrough();
  empty.end();
  expect(await read(empty)).toBe('');
});

test('rejects a truncated body, before and during a read', async () => {
  const waited = new PassThrough();
  const reading = read(waited);
  await turn();
  waited.destroy();
  await expect(reading).rejects.toThrow('the body was cut off');

  const broken = new PassThrough();
  broken.on('error', () => {});
  broken.destroy(new Error('reset'));
  await expect(read(broken)).rejects.toThrow('reset');
});

test('rejects a pending read when the rest of the body is discarded', async () => {
  const stream = new PassThrough();
  const reading = read(stream);
  stream.write('one ');
  await turn();
  // The server does this once the response is written.
  stream.removeAllListeners('readable');
  stream.resume();
  stream.end('two');
  await expect(reading).rejects.toThrow('the body was cut off');
});

test('a reader that stops early leaves the stream as it is', async () => {
  const stream = new PassThrough();
  stream.write('one');
  for await (const chunk of bodyOf(stream)) {
    expect(chunk.toString()).toBe('one');
    break;
  }
  expect(stream.destroyed).toBe(false);
});
