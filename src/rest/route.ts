import type { DescField, DescMessage, DescMethod } from '@bufbuild/protobuf';
import type { HttpRule } from '../../gen/google/api/http_pb.js';
import type { UnaryImpl } from './invoke.ts';
import type { MessageSpelling, Speller } from './spelling.ts';
import { parseTemplate, type Template } from './template.ts';

/** One way in which REST reaches a method, resolved at start-up. */
export type Route = {
  readonly method: DescMethod;
  readonly implementation: UnaryImpl;
  readonly httpMethod: string;
  /** Where the body goes: into the whole message, or nowhere. */
  readonly hasBody: boolean;
  readonly input: MessageSpelling;
  readonly output: MessageSpelling;
  /** The fields that may come in a header. */
  readonly headers: readonly { readonly name: string; readonly field: string }[];
  /** Whether unknown and empty parameters count as absent. */
  readonly isTolerant: boolean;
  /** The status of a success. */
  readonly status: number;
  /** Set where an answer is bytes with a content type, and not JSON. */
  readonly raw: { readonly bytes: DescField; readonly contentType: DescField } | undefined;
};

/** The REST options of a method's responses. */
export type MethodSpelling = {
  /** GET bindings read a JSON body too. */
  readonly getBody: boolean;
  /** The answer's bytes and content type are the HTTP body. */
  readonly rawBody: boolean;
  /** Parameters that are unknown or empty count as absent (RFC 6749, section 3.1). */
  readonly oauth: boolean;
  /** The status of a success; 0: 200. */
  readonly successStatus: number;
};

type Binding = { readonly httpMethod: string; readonly template: Template; readonly route: Route };

/** Every binding of a method, additional ones included. Whatever is wrong with one stops the server. */
export function bindingsOf(
  implementation: UnaryImpl,
  rule: HttpRule,
  spelling: MethodSpelling,
  speller: Speller,
): Binding[] {
  const { method } = implementation;
  const name = `${method.parent.typeName}/${method.name}`;
  if (method.methodKind !== 'unary') throw new Error(`${name}: only unary methods have REST routes`);
  const input = speller.of(method.input);

  return [rule, ...rule.additionalBindings].map(({ pattern, body, responseBody }) => {
    if (pattern.case === undefined || pattern.case === 'custom')
      throw new Error(`${name}: a binding has no pattern`);
    if (body !== '' && body !== '*') throw new Error(`${name}: a body is '*' or nothing`);
    if (responseBody !== '') throw new Error(`${name}: response_body is not served`);
    const template = parseTemplate(pattern.value);
    for (const { fieldPath } of template.variables) assertParameter(method.input, fieldPath, name);
    const httpMethod = pattern.case.toUpperCase();
    const hasBody = body === '*' || (spelling.getBody && httpMethod === 'GET');
    const headers = input.fields.flatMap(({ header, field }) =>
      header === '' ? [] : [{ name: header, field: field.name }],
    );
    const route: Route = {
      method,
      implementation,
      httpMethod,
      hasBody,
      input,
      output: speller.of(method.output),
      headers,
      isTolerant: spelling.oauth,
      status: spelling.successStatus || 200,
      raw: spelling.rawBody ? rawFields(method) : undefined,
    };
    return { httpMethod, template, route };
  });
}

/** A path can only hold a single scalar or enum. */
function assertParameter(message: DescMessage, fieldPath: readonly string[], name: string): void {
  let current: DescMessage | undefined = message;
  let field: DescField | undefined;
  for (const part of fieldPath) {
    field = current?.fields.find((each) => each.name === part);
    if (field === undefined) throw new Error(`${name}: there is no field ${fieldPath.join('.')}`);
    current = field.message;
  }
  if (field?.fieldKind !== 'scalar' && field?.fieldKind !== 'enum') {
    throw new Error(`${name}: ${fieldPath.join('.')} cannot stand in a path`);
  }
}

function rawFields(method: DescMethod): Route['raw'] {
  const bytes = method.output.fields.find((field) => field.fieldKind === 'scalar' && field.scalar === 12);
  const contentType = method.output.fields.find(({ name }) => name === 'content_type');
  if (bytes === undefined || contentType === undefined) {
    throw new Error(`${method.output.typeName} lacks bytes or content_type`);
  }
  return { bytes, contentType };
}
