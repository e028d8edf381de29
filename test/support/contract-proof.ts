import { readFileSync } from 'node:fs';
import { accessOf, loadContract, reasonsOf } from '../../tools/contract/contract.ts';

/**
 * Compares the calls of a whole run with the contract. Returns the events that a method declares and
 * no call recorded, and the reasons of failures that their method does not declare.
 */
export function differences(file: string): readonly string[] {
  const contract = loadContract();
  const seen = new Set(readFileSync(file, 'utf8').split('\n'));
  return [...contract.services, contract.admin].flatMap((service) =>
    service.methods.flatMap((method) => {
      const procedure = `${service.typeName}/${method.name}`;
      const reasons = new Set(reasonsOf(method, contract.reasons).map(({ name }) => name));
      const undeclared = [...seen].filter((line) => {
        const [called, what = ''] = line.split(' ');
        return called === procedure && /^[A-Z_]+$/.test(what) && !reasons.has(what);
      });
      return [
        ...accessOf(method)
          .emits.filter((type) => !seen.has(`${procedure} ${type}`))
          .map((type) => `no call recorded ${procedure} ${type}`),
        ...undeclared.map((line) => `the contract does not declare ${line}`),
      ];
    }),
  );
}
