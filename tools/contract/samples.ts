import { readFileSync } from 'node:fs';

type Sample = {
  readonly id: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly body?: Record<string, unknown>;
  };
  readonly answer: { readonly status: number };
};

/** The placeholders for the values of a run. */
const placeholders: Record<string, string> = {
  email: 'sara@example.com',
  email2: 'leila@example.com',
  email3: 'nima@example.com',
  'mail.code': 'kZ8bVQ2mX4tRw7Yc1Nf5Ld',
  'sms.code': '48291037',
  totp: '482910',
};

/** The documented samples that succeed, by method and path. */
export function loadSamples(): (
  httpMethod: string,
  path: string,
) => Record<string, { readonly value: unknown }> {
  const file = new URL('../../test/reference/samples.json', import.meta.url);
  const { samples } = JSON.parse(readFileSync(file, 'utf8')) as { samples: Sample[] };
  return (httpMethod, path) => {
    const found = samples.filter(
      ({ request, answer }) =>
        request.body !== undefined &&
        answer.status === 200 &&
        request.method === httpMethod &&
        request.path.replace(/^\/manam(?=\/)/, '') === path,
    );
    return Object.fromEntries(found.map(({ id, request }) => [id, { value: fill(request.body) }]));
  };
}

function fill(body: unknown): unknown {
  const text = JSON.stringify(body).replaceAll(
    /\{\{([\w.]+)\}\}/g,
    (_, name: string) => placeholders[name] ?? `<${name}>`,
  );
  return JSON.parse(text) as unknown;
}
