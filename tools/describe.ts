// Writes what is told of the contract to people and to their tools: gen/openapi.json, and a

// page per service in docs/api/.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadContract } from './contract/contract.ts';
import { createOpenApi } from './contract/openapi.ts';
import { errorPage, pageNameOf, servicePage } from './contract/pages.ts';

const root = new URL('..', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };
const contract = loadContract();
const write = (path: string, text: string) => writeFileSync(new URL(path, root), text);

write('gen/openapi.json', `${JSON.stringify(createOpenApi(contract, version), undefined, 1)}\n`);
rmSync(new URL('docs/api/', root), { recursive: true, force: true });
mkdirSync(new URL('docs/api/', root), { recursive: true });
for (const service of [...contract.services, contract.admin])
  write(`docs/api/${pageNameOf(service)}`, servicePage(service, contract));
write('docs/api/errors.md', errorPage(contract.reasons));
