import { eventCatalogue } from '../../src/domain/events.ts';
import { accessOf, type Contract } from './contract.ts';

/** The page of all events: type, outcome, audience, and the methods that may record it. */
export function eventPage({ services, admin }: Contract): string {
  const methods = [...services, admin].flatMap((service) => service.methods);
  const rows = Object.entries(eventCatalogue).map(([type, { outcome, audience }]) => {
    const emitters = methods
      .filter((method) => accessOf(method).emits.includes(type))
      .map((method) => `${method.parent.name}/${method.name}`);
    return `| `.concat(
      `\`${type}\` | ${outcome} | ${audience.join(', ')} | ${emitters.join(', ') || 'no method'} |`,
    );
  });
  return `# Events

Everything that happens is recorded as an event, in the transaction of the change. This page is generated
from the catalogue in \`src/domain/events.ts\` and from \`emits\` in the contract; a method that records an event
which it does not declare fails. \`npm run -s manam -- audit search\` shows them.

| type | outcome | seen by | recorded by |
|---|---|---|---|
${rows.join('\n')}
`;
}
