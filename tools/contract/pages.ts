import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  getOption,
  hasOption,
  ScalarType,
} from '@bufbuild/protobuf';
import { RateClass } from '../../gen/manam/options/v1/access_pb.js';
import { rest_enum_value } from '../../gen/manam/options/v1/rest_pb.js';
import {
  accessInWords,
  accessOf,
  type Contract,
  commentOf,
  type ErrorReason,
  reasonsOf,
  routesOf,
} from './contract.ts';
import { restExample } from './openapi-examples.ts';
import { speller } from './schemas.ts';

const generated = '<!-- Generated from proto/ by `npm run generate`: edit the contract, not this page. -->';

const rateWords: Record<RateClass, string> = {
  [RateClass.UNSPECIFIED]: '',
  [RateClass.STANDARD]: 'no separate rate limit',
  [RateClass.GUESS]: 'failures are counted per network and per tenant',
  [RateClass.MESSAGE]: 'counted per network, per tenant and per recipient',
};

/** The name of a service's page. */
export function pageNameOf({ name }: DescService): string {
  return `${name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()}.md`;
}

/** A page of what a service can do. */
export function servicePage(service: DescService, { reasons, services }: Contract): string {
  const messages = new Map<string, DescMessage>();
  const methods = service.methods.map((method) => {
    // Operators call from the command line: the admin service has no examples.
    const example = services.includes(service) ? exampleOf(method) : [];
    return methodSection(method, reasons, messages, example);
  });
  return [
    generated,
    '',
    `# ${service.name}`,
    '',
    commentOf(service),
    '',
    ...service.methods.map(({ name }) => `- [${name}](#${name.toLowerCase()})`),
    '',
    ...methods,
    ...(messages.size === 0 ? [] : ['## Messages', '']),
    ...[...messages.values()].map(
      (message) => `### ${message.name}\n\n${commentOf(message)}\n\n${fieldTable(message, new Map())}\n`,
    ),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function methodSection(
  method: DescMethod,
  reasons: readonly ErrorReason[],
  messages: Map<string, DescMessage>,
  example: readonly string[],
): string {
  const rule = accessOf(method);
  const rest = routesOf(method).map(({ httpMethod, path }) => `\`${httpMethod} ${path}\``);
  const facts = [
    `- RPC: \`/${method.parent.typeName}/${method.name}\``,
    ...(rest.length > 0 ? [`- REST: ${rest.join(', ')}`] : []),
    `- needs ${accessInWords(rule)}`,
    `- ${rateWords[rule.rate]}`,
    ...(rule.proofOfWork ? ['- may ask for a proof of work'] : []),
    ...(rule.idempotencyKey ? ['- honours `idempotency-key`'] : []),
    ...(rule.stream ? ['- answers with a stream that stays open: gRPC, gRPC-Web and Connect'] : []),
    ...(rule.genericAnswer ? ['- same response for every state of an account'] : []),
  ];
  const failures = reasonsOf(method, reasons).map(
    ({ name }) => `[\`${name}\`](errors.md#${name.toLowerCase()})`,
  );
  return [
    `## ${method.name}`,
    '',
    commentOf(method),
    '',
    ...facts,
    '',
    `**Request**\n\n${fieldTable(method.input, messages)}`,
    '',
    ...example,
    `**Answer**\n\n${fieldTable(method.output, messages)}`,
    '',
    `**Reasons of failures**: ${failures.join(', ')}`,
    '',
  ].join('\n');
}

/** The example of a call over REST, with its fields where they stand there. */
function exampleOf(method: DescMethod): string[] {
  const [address] = routesOf(method);
  if (address === undefined) return [];
  const { path, query, body } = restExample(method, address);
  const filled = address.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(path[name]));
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => [value].flat().map((each) => [name, String(each)])),
  );
  const line = `${address.httpMethod} ${filled}${search.size > 0 ? `?${search}` : ''}`;
  const json = Object.keys(body).length > 0 ? ['', JSON.stringify(body, undefined, 2)] : [];
  return ['**Example**', '', '```http', line, ...json, '```', ''];
}

function fieldTable(message: DescMessage, messages: Map<string, DescMessage>): string {
  if (message.fields.length === 0) return 'No fields.';
  const rows = speller.of(message).fields.map(({ field, name, aliases, flatten, header }) => {
    for (const each of nested(field)) messages.set(each.typeName, each);
    const others = [
      ...aliases.map((alias) => `\`${alias}\``),
      ...(header === '' ? [] : [`header \`${header}\``]),
    ];
    const rest = flatten ? 'its fields' : [`\`${name}\``, ...others].join(', ');
    return `| \`${field.name}\` | ${rest} | ${typeOf(field)} | ${commentOf(field).replaceAll('\n', ' ').replaceAll('|', '\\|')} |`;
  });
  return ['| field | over REST | type | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** The messages of this service that a field brings with it. */
function nested(field: DescField): DescMessage[] {
  const { message } = field;
  if (message === undefined || message.typeName.startsWith('google.')) return [];
  return [message, ...message.fields.flatMap((each) => (each.message === message ? [] : nested(each)))];
}

function typeOf(field: DescField): string {
  const unit =
    field.message !== undefined
      ? field.message.name
      : field.enum !== undefined
        ? enumWords(field.enum)
        : (ScalarType[field.scalar ?? ScalarType.STRING] ?? '').toLowerCase();
  return field.fieldKind === 'list' ? `list of ${unit}` : field.fieldKind === 'map' ? `map to ${unit}` : unit;
}

/** The values of an enum, with what REST calls them. */
function enumWords(type: DescEnum): string {
  return type.values
    .map((value) => {
      const rest = hasOption(value, rest_enum_value) ? ` (\`${getOption(value, rest_enum_value)}\`)` : '';
      return `\`${value.name}\`${rest}`;
    })
    .join(', ');
}

/** The page of all reasons. */
export function errorPage(reasons: readonly ErrorReason[]): string {
  const sections = reasons.map(({ name, code, httpStatus, message, meaning }) =>
    [
      `## ${name}`,
      '',
      meaning,
      '',
      `- code \`${code}\`, HTTP status ${httpStatus}`,
      `- says: ${message}`,
      '',
    ].join('\n'),
  );
  return [
    generated,
    '',
    '# Reasons of failures',
    '',
    'A reason is stable, while texts may change. It arrives as `google.rpc.ErrorInfo.reason` with the domain `manam`, for a',
    'single field as `BadRequest.FieldViolation.reason`, and over REST as `reason`.',
    '',
    ...sections,
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}
