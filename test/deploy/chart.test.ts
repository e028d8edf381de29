import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { configKeys } from '../../src/config/keys.ts';
import { installPackages } from '../../src/store/embedded/install.ts';

// What deploys the service: the chart, rendered by Helm's own template language and functions; the unit; the compose file.

const run = promisify(execFile);
const root = new URL('../..', import.meta.url).pathname;
const modules = '/usr/share/gocode/src';
const packages = ['golang-go', 'golang-github-masterminds-sprig-dev', 'golang-gopkg-yaml.v3-dev', 'systemd'];
const isThere = () =>
  [
    `${modules}/github.com/Masterminds/sprig`,
    `${modules}/gopkg.in/yaml.v3`,
    '/usr/bin/systemd-analyze',
  ].every(existsSync);

beforeAll(() => {
  if (!isThere()) installPackages(packages);
  if (!isThere())
    throw new Error(
      `run 'sudo apt-get install --no-install-recommends ${packages.join(' ')}' for these tests`,
    );
}, 300_000);

type Probe = { readonly httpGet: object };
type Container = {
  readonly env: readonly object[];
  readonly envFrom: readonly object[];
  readonly securityContext: object;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
};
type Pod = {
  readonly containers: readonly Container[];
  readonly securityContext: object;
  readonly terminationGracePeriodSeconds: number;
};
type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly selector: object; readonly template: { readonly spec: Pod } };
};

async function render(values: object): Promise<Manifest[]> {
  const { stdout } = await run(
    '/usr/bin/go',
    ['run', '.', `${root}deploy/helm/manam`, JSON.stringify(values)],
    {
      cwd: `${root}test/deploy/render`,
      env: { PATH: process.env['PATH'], HOME: '/tmp', GO111MODULE: 'off', GOPATH: '/usr/share/gocode' },
    },
  );
  return JSON.parse(stdout) as Manifest[];
}

const least = { issuer: 'https://id.example.com', secretName: 'manam' };
const kinds = (manifests: readonly Manifest[]) => manifests.map(({ kind }) => kind).sort();

function find(manifests: readonly Manifest[], wanted: string): Manifest {
  const found = manifests.find(({ kind }) => kind === wanted);
  if (found === undefined) throw new Error(`there is no ${wanted}`);
  return found;
}

/** The pod of a deployment or a job, and its container. */
function podOf(manifests: readonly Manifest[], kind: string): { pod: Pod; container: Container } {
  const pod = find(manifests, kind).spec.template.spec;
  const [container] = pod.containers;
  if (container === undefined) throw new Error('there is no container');
  return { pod, container };
}

test('with its two required values the chart makes a deployment, a service and a budget', async () => {
  const manifests = await render(least);
  expect(kinds(manifests)).toEqual(['Deployment', 'PodDisruptionBudget', 'Service']);
  const { pod, container } = podOf(manifests, 'Deployment');
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532 });
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  expect(container.env).toEqual([
    { name: 'MANAM_ISSUER', value: 'https://id.example.com' },
    { name: 'MIGRATE_AT_START', value: 'true' },
  ]);
  expect(container.envFrom).toEqual([{ secretRef: { name: 'manam' } }]);
  expect(container.livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'http' });
  expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'http' });
  // The pause before SIGTERM, and the 25 s in which running calls are finished.
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(5 + 25.25);
  const { selector } = find(manifests, 'Deployment').spec;
  expect(find(manifests, 'PodDisruptionBudget').spec.selector).toEqual(selector);
  expect(find(manifests, 'Service').metadata.name).toBe('id');
});

test('the chart runs migrations before an upgrade by another account, and routes a host', async () => {
  const manifests = await render({
    ...least,
    migrations: { secretName: 'manam-owner' },
    ingress: { enabled: true, className: 'nginx', tlsSecretName: 'tls' },
    config: { TRUSTED_PROXIES: '10.0.0.0/8', WORKERS: 2 },
    nodeSelector: { disk: 'fast' },
    tolerations: [{ key: 'a', operator: 'Exists' }],
    imagePullSecrets: [{ name: 'registry' }],
    minAvailable: 0,
  });
  expect(kinds(manifests)).toEqual(['Deployment', 'Ingress', 'Job', 'Service']);
  expect(podOf(manifests, 'Job').container).toMatchObject({
    args: ['migrate', 'up'],
    envFrom: [{ secretRef: { name: 'manam-owner' } }],
  });
  const { pod, container } = podOf(manifests, 'Deployment');
  expect(container.env).toContainEqual({ name: 'MIGRATE_AT_START', value: 'false' });
  expect(container.env).toContainEqual({ name: 'WORKERS', value: '2' });
  expect(pod).toMatchObject({ nodeSelector: { disk: 'fast' }, imagePullSecrets: [{ name: 'registry' }] });
  expect(find(manifests, 'Ingress').spec).toMatchObject({
    ingressClassName: 'nginx',
    rules: [{ host: 'id.example.com' }],
  });
});

test.each([
  ['issuer', { secretName: 'manam' }],
  ['secretName', { issuer: 'https://id.example.com' }],
])('without %s the chart says so', async (name, values) => {
  await expect(render(values)).rejects.toThrow(`${name} is required`);
});

test('systemd finds nothing wrong with the unit', () => {
  const { stderr, stdout } = spawnSync(
    'systemd-analyze',
    ['verify', '--man=no', `${root}deploy/manam.service`],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout + stderr).not.toContain('manam.service');
});

test('the compose file and the unit name keys that the service has', () => {
  const names = new Set(Object.keys(configKeys));
  const compose = readFileSync(`${root}deploy/compose.yaml`, 'utf8');
  const given = [...compose.matchAll(/^ {6}([A-Z_]+): /gm)].map(([, name]) => name ?? '');
  expect(given.filter((name) => !name.startsWith('MARIADB_') && !names.has(name))).toEqual([]);
});
