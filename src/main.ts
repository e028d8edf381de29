#!/usr/bin/env node
import { availableParallelism } from 'node:os';
import { isSource } from './root.ts';

// The package's clients run on older ones, the service does not.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 14)) {
  process.stderr.write(`manam: Node 24.14 or newer is needed, and this is ${process.versions.node}\n`);
  process.exit(2);
}

// Hashes, DNS, files and WebCrypto share libuv's pool; it is sized before its first use.
process.env['UV_THREADPOOL_SIZE'] ??= String(availableParallelism() + 4);

if (isSource) (await import('./lean-imports.ts')).importLeanly();
const { run } = await import('./cli/run.ts');

const code = await run(process.env, process.argv);
if (code !== 0) process.exit(code);
