// Writes what people and their tools read of the contract and the configuration: gen/openapi.json, gen/openapi.connect.json, a
// page per service in docs/api/, docs/events.md, and the table of the README.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { configTable } from '../src/config/keys.ts';
import { loadContract } from './contract/contract.ts';
import { eventPage } from './contract/events.ts';
import { createConnectOpenApi, createOpenApi } from './contract/openapi.ts';
import { errorPage, pageNameOf, servicePage } from './contract/pages.ts';

const root = new URL('..', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };
const contract = loadContract();
const write = (path: string, text: string) => writeFileSync(new URL(path, root), text);

for (const [name, create] of Object.entries({
  openapi: createOpenApi,
  'openapi.connect': createConnectOpenApi,
}))
  write(`gen/${name}.json`, `${JSON.stringify(create(contract, version), undefined, 1)}\n`);
rmSync(new URL('docs/api/', root), { recursive: true, force: true });
mkdirSync(new URL('docs/api/', root), { recursive: true });
for (const service of [...contract.services, contract.admin])
  write(`docs/api/${pageNameOf(service)}`, servicePage(service, contract));
write('docs/api/errors.md', errorPage(contract.reasons));
write('docs/events.md', eventPage(contract));
write('README.md', withTable(readFileSync(new URL('README.md', root), 'utf8')));

/** The README with the table of the configuration as the declarations have it. */
function withTable(readme: string): string {
  const [before = '', rest = ''] = readme.split('<!-- configuration -->\n');
  const [, after = ''] = rest.split('<!-- end of configuration -->\n');
  return `${before}<!-- configuration -->\n${configTable()}\n<!-- end of configuration -->\n${after}`;
}
