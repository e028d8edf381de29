// Writes the contract with all that it imports into built/proto/, or the folder that is named: what `protoc` of any language
// compiles by itself. Nothing of others is kept here: their files come out of registry packages.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = resolve(process.argv[2] ?? join(root, 'built/proto'));
const google = join(root, 'node_modules/google-gax/build/protos/google');

/** What buf has built in, and the messages of failures, which no call names. */
const more = [
  'protobuf/any',
  'protobuf/descriptor',
  'protobuf/duration',
  'protobuf/field_mask',
  'protobuf/struct',
  'protobuf/timestamp',
  'rpc/error_details',
  'rpc/status',
];

rmSync(out, { recursive: true, force: true });
execFileSync('buf', ['export', '.', '--path', 'proto/manam', '-o', out], { cwd: root, stdio: 'inherit' });
for (const name of more) cpSync(join(google, `${name}.proto`), join(out, `google/${name}.proto`));
