#!/usr/bin/env node
import { availableParallelism } from 'node:os';

// Hashes, DNS, files and WebCrypto share libuv's pool; it is sized before its first use.
process.env['UV_THREADPOOL_SIZE'] ??= String(availableParallelism() + 4);

const { run } = await import('./cli/run.ts');

const code = await run(process.env, process.argv);
if (code !== 0) process.exit(code);
