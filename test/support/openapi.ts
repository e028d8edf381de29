import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

type Operation = {
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Record<string, { readonly content: Record<string, { readonly schema?: object }> }>;
};

export type Description = { readonly paths: Record<string, Record<string, Operation>> };

/** The description of the API as it is published. */
export function readDescription(): Description {
  return JSON.parse(readFileSync(new URL('../../gen/openapi.json', import.meta.url), 'utf8')) as Description;
}

/** Tells what of a request or an answer does not fit the description of the API. */
export function createDescriptionCheck() {
  const description = readDescription();
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(description, 'api');
  const paths = Object.keys(description.paths).map((path) => ({
    path,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/:]+')}$`),
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
    const found = paths.find(({ pattern }) => pattern.test(bare));
    return description.paths[found?.path ?? '']?.[httpMethod.toLowerCase()];
  };
  return {
    request: (httpMethod: string, path: string, body: unknown) =>
      check(operationOf(httpMethod, path)?.requestBody?.content['application/json']?.schema, body),
    answer: (httpMethod: string, path: string, status: number, body: unknown) =>
      check(operationOf(httpMethod, path)?.responses[status]?.content['application/json']?.schema, body),
  };
}
