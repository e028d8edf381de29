import { execFile } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DescMethod, DescMethodUnary } from '@bufbuild/protobuf';
import { createRouterTransport, type Interceptor } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callInterceptors, defaultTimeoutMs, isRetrySafe } from '../../src/clients/interceptors.ts';
import { publicServices } from '../../src/contract/services.ts';
import { installPackages } from '../../src/store/embedded/install.ts';
import { startTestApp, type TestApp } from '../support/app.ts';

// Programs in other languages, made from the contract as it is shipped, with Debian's compilers and runtimes.

const run = promisify(execFile);
const root = new URL('../..', import.meta.url).pathname;
const packages = [
  'protobuf-compiler',
  'protobuf-compiler-grpc',
  'python3-grpcio',
  'python3-jwt',
  'python3-cryptography',
  'golang-go',
  'golang-google-grpc-dev',
  // In place of 1.3, which gRPC takes as well and which does not know what is generated now.
  'golang-github-golang-protobuf-1-5-dev',
  'golang-gopkg-square-go-jose.v2-dev',
  'protoc-gen-go-1-5',
  'protoc-gen-go-grpc',
  'openjdk-17-jdk-headless',
  'protobuf-compiler-grpc-java-plugin',
  'libgrpc-java',
  // Dependencies that Debian's Java packages of gRPC and Protobuf do not declare.
  'libprotobuf-java',
  'libgoogle-gson-java',
  'libguava-java',
  'libnetty-java',
  'libperfmark-java',
  'libgeronimo-annotation-1.3-spec-java',
];
const programs = [
  'protoc',
  'grpc_python_plugin',
  'go',
  'protoc-gen-go',
  'protoc-gen-go-grpc',
  'javac',
  'grpc_java_plugin',
];
const isThere = () =>
  programs.every((name) => existsSync(`/usr/bin/${name}`)) &&
  ['grpc', 'jwt', 'cryptography'].every((name) => existsSync(`/usr/lib/python3/dist-packages/${name}`)) &&
  ['gopkg.in/square/go-jose.v2', 'github.com/golang/protobuf/internal/gengogrpc'].every((name) =>
    existsSync(`/usr/share/gocode/src/${name}`),
  ) &&
  ['grpc-netty', 'protobuf', 'protobuf-util', 'gson', 'guava', 'netty-all', 'perfmark-api'].every((name) =>
    existsSync(`/usr/share/java/${name}.jar`),
  );

type Policy = {
  readonly deadlineMs: number;
  readonly retryPolicy: object;
  readonly calls: readonly {
    readonly call: string;
    readonly retrySafe: boolean;
    readonly idempotencyKey: boolean;
  }[];
};
const casesFile = join(root, 'test/reference/call-policy.json');
const policy = JSON.parse(readFileSync(casesFile, 'utf8')) as Policy;

const folder = mkdtempSync(join(tmpdir(), 'manam-languages-'));
const protos = join(folder, 'proto');
let app: TestApp;

/** Generates code from the shipped contract. */
async function protoc(flags: string[], pattern = '{manam,google/api,google/rpc}/**/*.proto'): Promise<void> {
  const files = globSync(pattern, { cwd: protos });
  await run('protoc', ['-I', protos, ...flags, ...files]);
}

beforeAll(async () => {
  if (!isThere()) installPackages(packages);
  if (!isThere())
    throw new Error(
      `run 'sudo apt-get install --no-install-recommends ${packages.join(' ')}' for these tests`,
    );
  await run(process.execPath, ['tools/export-proto.ts', protos], {
    cwd: root,
    env: { ...process.env, PATH: `${root}node_modules/.bin:${process.env['PATH']}` },
  });
  cpSync(join(root, 'examples/python'), join(folder, 'python'), { recursive: true });
  const plugin = '--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin';
  await protoc([`--python_out=${folder}/python`, `--grpc_out=${folder}/python`, plugin]);
  const sources = join(folder, 'go/src');
  cpSync(join(root, 'examples/go'), join(sources, 'example'), { recursive: true });
  // What google has in Go of its own is not made again.
  await protoc([`--go_out=${sources}`, `--go-grpc_out=${sources}`], 'manam/**/*.proto');
  cpSync(join(root, 'examples/java'), join(folder, 'java'), { recursive: true });
  const inJava = `${folder}/java`;
  await protoc([
    `--java_out=${inJava}`,
    `--grpc-java_out=${inJava}`,
    '--plugin=protoc-gen-grpc-java=/usr/bin/grpc_java_plugin',
  ]);
  // The compiler looks for what the program uses, and leaves the rest of the contract.
  await run('/usr/bin/javac', ['-nowarn', '-sourcepath', '.', '-cp', jars, 'Main.java', 'ChannelTest.java'], {
    cwd: inJava,
  });
  app = await startTestApp();
}, 300_000);
afterAll(async () => {
  await app?.close();
  rmSync(folder, { recursive: true, force: true });
});

const python = (env: Record<string, string>, ...args: string[]) =>
  run('/usr/bin/python3', args, { cwd: join(folder, 'python'), env: { PATH: process.env['PATH'], ...env } });

const go = (env: Record<string, string>, ...args: string[]) =>
  run('/usr/bin/go', args, {
    cwd: join(folder, 'go/src/example'),
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      GO111MODULE: 'off',
      GOPATH: `${folder}/go:/usr/share/gocode`,
      ...env,
    },
  });

const jars = '.:/usr/share/java/*';
const java = (env: Record<string, string>, name: string) =>
  run('/usr/bin/java', ['-cp', jars, name], {
    cwd: join(folder, 'java'),
    env: { PATH: process.env['PATH'], ...env },
  });

const programsByLanguage = {
  Python: (env: Record<string, string>) => python(env, 'main.py'),
  Go: (env: Record<string, string>) => go(env, 'run', '.'),
  Java: (env: Record<string, string>) => java(env, 'Main'),
};

test.each(Object.entries(programsByLanguage))(
  'the program in %s registers, signs in, verifies its token offline and follows events',
  async (_, start) => {
    const { stdout } = await start({
      MANAM_URL: app.url,
      MANAM_KEY: app.dev.publishable,
      MANAM_SECRET_KEY: app.dev.secret,
      MANAM_TENANT: (await app.app.store.tenants.findBySlug('dev'))?.id ?? '',
    });
    expect(stdout.trim().toLowerCase().split('\n')).toEqual([
      'before she has confirmed: credentials_invalid',
      'the token is that of the user: true',
      'signed in: true',
      'event: session.started',
    ]);
  },
  // The first build in Go compiles gRPC.
  300_000,
);

test('the channel in Go reads deadlines, retries and idempotency keys from the contract', async () => {
  const { stdout } = await go({ POLICY_CASES: casesFile }, 'test', '-v', '.');
  expect(stdout).toContain('PASS: TestCallsAreMadeAsTheContractSays');
}, 300_000);

test('the channel in Java reads deadlines, retries and idempotency keys from the contract', async () => {
  const { stdout } = await java({ POLICY_CASES: casesFile }, 'ChannelTest');
  expect(stdout).toContain(`PASS: ${policy.calls.length} calls`);
}, 60_000);

test.each(['cpp', 'csharp', 'ruby', 'php', 'objc'])('protoc makes code in %s', async (language) => {
  const out = join(folder, language);
  mkdirSync(out);
  await protoc([`--${language}_out=${out}`]);
  expect(globSync('**/*', { cwd: out }).length).toBeGreaterThan(20);
});

test('the Python channel reads deadlines, retries and idempotency keys from the contract', async () => {
  const calls = JSON.stringify(policy.calls.map(({ call }) => call));
  const script = `
import json, manam_channel as c
print(json.dumps({'deadlineMs': c.DEADLINE_S * 1000, 'retryPolicy': c.service_config()['methodConfig'][0]['retryPolicy'],
  'calls': [{'call': call, 'retrySafe': c.is_retry_safe(call), 'idempotencyKey': c.takes_idempotency_key(call)}
    for call in ${calls}]}))`;
  expect(JSON.parse((await python({}, '-c', script)).stdout)).toEqual(policy);
});

test('the TypeScript clients do the same', async () => {
  const isUnary = (method: DescMethod): method is DescMethodUnary => method.methodKind === 'unary';
  const methods = Object.values(publicServices).flatMap((service) => service.methods.filter(isUnary));
  let header: string | null = null;
  const look: Interceptor = (next) => (request) => {
    header = request.header.get('idempotency-key');
    return next(request);
  };
  // Nothing is behind it: what counts is what the client makes of the call.
  const transport = createRouterTransport(() => {}, {
    transport: { interceptors: [...callInterceptors({ url: '' }), look] },
  });
  const found = [];
  for (const { call } of policy.calls) {
    const method = methods.find(({ parent, name }) => `/${parent.typeName}/${name}` === call);
    if (method === undefined) throw new Error(`no call ${call}`);
    await transport.unary(method, undefined, undefined, undefined, {}).catch(() => {});
    found.push({ call, retrySafe: isRetrySafe(method), idempotencyKey: header !== null });
  }
  expect(found).toEqual(policy.calls);
  expect(defaultTimeoutMs).toBe(policy.deadlineMs);
});
