import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export type Operation = {
  readonly operationId: string;
  readonly description: string;
  readonly summary: string;
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly 'x-aliases'?: readonly string[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly example?: unknown;
  }[];
  readonly requestBody?: {
    readonly content: Record<string, { readonly schema: object; readonly example?: unknown }>;
  };
  readonly responses: Record<string, { readonly content: Record<string, { readonly schema?: object }> }>;
};

export type Description = { readonly paths: Record<string, Record<string, Operation>> };

/** A description of the API as it is published: as REST, or as Connect has it. */
export function readDescription(name: 'openapi' | 'openapi.connect' = 'openapi'): Description {
  return JSON.parse(readFileSync(new URL(`../../gen/${name}.json`, import.meta.url), 'utf8')) as Description;
}

export type DescribedRoute = {
  readonly httpMethod: string;
  readonly path: string;
  readonly operation: Operation;
};

/** Every address of a description, with the other ones of a call. */
export function routesIn(description: Description): DescribedRoute[] {
  return Object.entries(description.paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) =>
      [`${method.toUpperCase()} ${path}`, ...(operation['x-aliases'] ?? [])].map((address) => {
        const [httpMethod = '', at = ''] = address.split(' ');
        return { httpMethod, path: at, operation };
      }),
    ),
  );
}

/** Tells what of a request or an answer does not fit a description of the API. */
export function createDescriptionCheck(name: 'openapi' | 'openapi.connect' = 'openapi') {
  const description = readDescription(name);
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(description, 'api');
  const routes = routesIn(description).map((route) => ({
    ...route,
    pattern: new RegExp(`^${route.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/:]+')}$`),
  }));

  const check = (schema: object | undefined, value: unknown): string[] => {
    if (schema === undefined) return ['is not described'];
    // References lead into the description.
    const whole = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/')) as object;
    const validate = ajv.compile(whole);
    validate(value);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
  const operationOf = (httpMethod: string, path: string) => {
    const bare = (path.split('?')[0] ?? '').replace(/^\/manam(?=\/)/, '');
    const fits = routes.filter(({ pattern }) => pattern.test(bare));
    // A path without parts that stand for others comes first.
    const whole = fits.filter(({ path: each }) => each === bare);
    return (whole.length > 0 ? whole : fits).find((each) => each.httpMethod === httpMethod.toUpperCase())
      ?.operation;
  };
  return {
    request: (httpMethod: string, path: string, body: unknown) =>
      check(operationOf(httpMethod, path)?.requestBody?.content['application/json']?.schema, body),
    answer: (httpMethod: string, path: string, status: number, body: unknown) =>
      check(operationOf(httpMethod, path)?.responses[status]?.content['application/json']?.schema, body),
  };
}
