// What @manam/client is: its entries, and the package.json that follows from them.
import { readFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);

type Manifest = {
  readonly version: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
};

const service = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as Manifest;

/** The entries by the file of `src/clients/` that each of them is. */
export const entries = [
  'admin',
  'connect',
  'grpc',
  'guards',
  'management',
  'react',
  'verify',
  'web',
  'webhooks',
] as const;

/** Installed with it; the versions are those that the service itself is tested with. */
const dependencies = [
  '@bufbuild/protobuf',
  '@connectrpc/connect',
  '@connectrpc/connect-node',
  '@connectrpc/connect-web',
  'idb-keyval',
  'jose',
  'standardwebhooks',
];

/** Installed by whoever uses the entry that needs it. */
const peers = { '@grpc/grpc-js': '^1.14.0', 'oidc-client-ts': '^3.5.0', react: '>=18' };

/** The conditions of one entry, for both kinds of modules. */
function conditions(entry: string) {
  const at = (kind: 'esm' | 'cjs') => ({
    types: `./${kind}/src/clients/${entry}.d.ts`,
    default: `./${kind}/src/clients/${entry}.js`,
  });
  return { import: at('esm'), require: at('cjs') };
}

export const manifest = {
  name: '@manam/client',
  version: service.version,
  description: 'Clients, verifiers and guards for Manam: gRPC, Connect, browsers, webhooks',
  license: service.license,
  type: 'module',
  sideEffects: ['*.css'],
  // The first of 20 that lets CommonJS require ES modules, such as jose.
  engines: { node: '>=20.19' },
  exports: {
    ...Object.fromEntries(entries.map((entry) => [`./${entry}`, conditions(entry)])),
    './react.css': { types: './react.css.d.cts', default: './react.css' },
    './package.json': './package.json',
  },
  dependencies: Object.fromEntries(dependencies.map((name) => [name, versionOf(name)])),
  peerDependencies: peers,
  peerDependenciesMeta: Object.fromEntries(Object.keys(peers).map((name) => [name, { optional: true }])),
};

/** Patches of a dependency may be shared with what else a project has installed. */
function versionOf(name: string): string {
  const version = service.dependencies[name];
  if (version === undefined) throw new Error(`${name} is no dependency of the service`);
  return `^${version}`;
}
