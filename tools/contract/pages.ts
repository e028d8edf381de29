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
import { spellingOf } from './schemas.ts';

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
export function servicePage(service: DescService, { reasons }: Contract): string {
  const messages = new Map<string, DescMessage>();
  const methods = service.methods.map((method) => methodSection(method, reasons, messages));
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
    `**Answer**\n\n${fieldTable(method.output, messages)}`,
    '',
    `**Reasons of failures**: ${failures.join(', ')}`,
    '',
  ].join('\n');
}

function fieldTable(message: DescMessage, messages: Map<string, DescMessage>): string {
  if (message.fields.length === 0) return 'No fields.';
  const rows = spellingOf(message).fields.map(({ field, name, aliases, flatten, header }) => {
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
