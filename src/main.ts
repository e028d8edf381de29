import { availableParallelism } from 'node:os';

// Hashes, DNS, files and WebCrypto share libuv's pool; it is sized before its first use.
process.env['UV_THREADPOOL_SIZE'] ??= String(availableParallelism() + 4);

const { complain } = await import('./cli/common.ts');
const { createProgram } = await import('./cli/program.ts');

try {
  await createProgram(process.env).parseAsync(process.argv);
} catch (error) {
  complain(error);
  process.exit(1);
}
