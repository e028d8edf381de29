// The part of an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1.html) that our description uses.

export type Schema = {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly allOf?: readonly Schema[];
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
};

export type Parameter = {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly description?: string;
  readonly required?: boolean;
  readonly schema: Schema;
  readonly example?: unknown;
};

type Content = Readonly<Record<string, { readonly schema: Schema; readonly example?: unknown }>>;

type RawOperation = {
  /** The same in both descriptions. */
  readonly operationId: string;
  /** Other addresses of REST, such as `GET /view_user/{email}`. */
  readonly 'x-aliases'?: readonly string[];
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
};

/** An operation with where it stands. */
export type Operation = RawOperation & { readonly method: string; readonly path: string };

/** A method of the contract: its REST form first, where it has one, then Connect's. */
export type Method = {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly operations: readonly Operation[];
};

export type Service = {
  readonly name: string;
  readonly description: string;
  readonly methods: readonly Method[];
};

export type Description = {
  readonly info: { readonly title: string; readonly version: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

function operationsOf({ paths }: Description): Operation[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method] as RawOperation | undefined;
      return operation === undefined ? [] : [{ ...operation, method, path }];
    }),
  );
}

/** The services of the descriptions with their methods, in the order of the contract. */
export function servicesOf(rest: Description, connect: Description): Service[] {
  const inRest = new Map(operationsOf(rest).map((operation) => [operation.operationId, operation]));
  const all = operationsOf(connect).map((operation): Method => {
    const [, service = '', name = ''] = /(\w+)\/(\w+)$/.exec(operation.path) ?? [];
    const first = inRest.get(operation.operationId);
    return { id: `${service}_${name}`, name, service, operations: first ? [first, operation] : [operation] };
  });
  return rest.tags.map((tag) => ({ ...tag, methods: all.filter(({ service }) => service === tag.name) }));
}

/** One description with the schemas of both. */
export function joined(rest: Description, connect: Description): Description {
  const schemas = { ...rest.components.schemas, ...connect.components.schemas };
  return { ...rest, components: { schemas } };
}

/** A property of a request or an answer, with those below it. */
export type Property = {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly description: string;
  readonly below: readonly Property[];
};

/** Levels that are shown: messages may hold themselves. */
const maxDepth = 3;

/** A schema with its references in place. */
function resolved(schema: Schema, schemas: Description['components']['schemas']): Schema {
  if (schema.$ref !== undefined) {
    const found = schemas[schema.$ref.slice('#/components/schemas/'.length)] ?? {};
    return { ...resolved(found, schemas), ...(schema.description && { description: schema.description }) };
  }
  if (schema.allOf === undefined) return schema;
  const parts = schema.allOf.map((part) => resolved(part, schemas));
  return {
    ...schema,
    properties: Object.assign({}, ...parts.map(({ properties }) => properties ?? {})) as Record<
      string,
      Schema
    >,
    required: parts.flatMap(({ required = [] }) => required),
  };
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined)
    return schema.enum
      .filter((each) => each !== '')
      .map((each) => JSON.stringify(each))
      .join(' | ');
  const base = Array.isArray(schema.type) ? schema.type.join(' | ') : String(schema.type ?? 'any');
  const bounds = [
    schema.format,
    schema.maxLength !== undefined && `≤ ${schema.maxLength}`,
    schema.maximum !== undefined && `${schema.minimum ?? ''}…${schema.maximum}`,
  ].filter(Boolean);
  return bounds.length === 0 ? base : `${base} (${bounds.join(', ')})`;
}

/** The properties of a schema, down to a few levels. */
export function propertiesOf(
  schema: Schema,
  schemas: Description['components']['schemas'],
  depth = 0,
): Property[] {
  const { properties = {}, required = [] } = resolved(schema, schemas);
  return Object.entries(properties).map(([name, raw]) => {
    const own = resolved(raw, schemas);
    const item = own.items === undefined ? undefined : resolved(own.items, schemas);
    const inner = item ?? own;
    return {
      name,
      type: item === undefined ? typeOf(own) : `${typeOf(item)}[]`,
      isRequired: required.includes(name),
      description: raw.description ?? own.description ?? '',
      below: depth < maxDepth && inner.properties ? propertiesOf(inner, schemas, depth + 1) : [],
    };
  });
}
