import { useState } from 'preact/hooks';
import type { Method, Operation, Parameter } from './description.ts';

type Answer = { readonly status: string; readonly body: string };

const textOf = (value: unknown) => JSON.stringify(value, null, 2);

/** What was typed for all methods: it stays while one goes from one to the next, and no longer. */
const typed: Record<string, string> = {};

/** Sends a method as a person fills it in, and shows what comes back. */
export function Send({ method, servers }: { readonly method: Method; readonly servers: readonly string[] }) {
  const [index, setIndex] = useState(0);
  const operation = method.operations[index];
  if (operation === undefined) return null;
  return (
    <section class="card">
      <h2>Send it</h2>
      {method.operations.length > 1 && (
        <div class="field">
          <label for="form">Form</label>
          <select id="form" onChange={(event) => setIndex(Number(event.currentTarget.value))}>
            {method.operations.map(({ method: verb, path }, each) => (
              <option key={path} value={each}>
                {verb.toUpperCase()} {path}
              </option>
            ))}
          </select>
        </div>
      )}
      <Filled key={operation.path} operation={operation} server={servers[0] ?? '/'} />
    </section>
  );
}

/** The headers that a method may ask for, and what they are called here. */
function headersOf({ security = [], parameters = [] }: Operation): Parameter[] {
  const schemes = new Set(security.flatMap((each) => Object.keys(each)));
  const header = (name: string, description: string): Parameter => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string' },
  });
  return [
    ...(schemes.has('key') || schemes.has('secretKey') ? [header('x-api-key', 'A key of the tenant.')] : []),
    ...(schemes.has('session') || schemes.has('applicationToken')
      ? [header('authorization', 'Bearer, and an access token.')]
      : []),
    ...(schemes.has('application')
      ? [header('authorization', 'Basic, and the id and secret of an application.')]
      : []),
    ...(schemes.has('tenant') ? [header('manam-tenant', 'For members: the slug of their tenant.')] : []),
    ...parameters.filter((each) => each.in === 'header'),
  ].filter((each, index, all) => all.findIndex(({ name }) => name === each.name) === index);
}

/** The address of a call: values in the path and in the query, those left empty aside. */
function addressOf(operation: Operation, server: string, value: (name: string) => string): string {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(value(name)));
  const query = new URLSearchParams();
  for (const { name, in: place, schema } of operation.parameters ?? [])
    if (place === 'query' && value(name) !== '')
      for (const each of schema.type === 'array' ? value(name).split(',') : [value(name)])
        query.append(name, each.trim());
  const prefix = path.startsWith('/manam.v1.') || server === '/' ? '' : server;
  return `${prefix}${path}${query.size > 0 ? `?${query}` : ''}`;
}

function Filled({ operation, server }: { readonly operation: Operation; readonly server: string }) {
  const [body, setBody] = useState(textOf(operation.requestBody?.content['application/json']?.example ?? {}));
  const [answer, setAnswer] = useState<Answer>();
  const [isBusy, setBusy] = useState(false);
  const headers = headersOf(operation);
  const others = (operation.parameters ?? []).filter((each) => each.in !== 'header');
  const hasBody = operation.requestBody !== undefined;
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const value = (name: string) => String(given.get(name) ?? '').trim();
    setBusy(true);
    try {
      const sent = headers.map(({ name }) => [name, value(name)] as const).filter(([, text]) => text !== '');
      const response = await fetch(addressOf(operation, server, value), {
        method: operation.method.toUpperCase(),
        headers: { ...Object.fromEntries(sent), ...(hasBody && { 'content-type': 'application/json' }) },
        ...(hasBody && { body }),
      });
      setAnswer({ status: `${response.status} ${response.statusText}`, body: pretty(await response.text()) });
    } catch (error) {
      setAnswer({ status: 'no answer', body: error instanceof Error ? error.message : String(error) });
    }
    setBusy(false);
  };
  return (
    <form onSubmit={(event) => void send(event)}>
      {[...headers, ...others].map(({ name, description = '', required = false, example }) => (
        <div key={name} class="field">
          <label for={`in-${name}`}>{name}</label>
          <input
            id={`in-${name}`}
            name={name}
            autocomplete="off"
            spellcheck={false}
            required={required}
            placeholder={example === undefined ? description : String(example)}
            defaultValue={typed[name] ?? ''}
            onInput={(event) => {
              typed[name] = event.currentTarget.value;
            }}
          />
        </div>
      ))}
      {hasBody && (
        <div class="field">
          <label for="body">Body</label>
          <textarea
            id="body"
            rows={Math.min(16, body.split('\n').length + 1)}
            spellcheck={false}
            value={body}
            onInput={(event) => setBody(event.currentTarget.value)}
          />
        </div>
      )}
      <button type="submit" class="primary" aria-disabled={isBusy}>
        Send
      </button>
      <div role="status">
        {answer !== undefined && (
          <>
            <p>
              <strong>{answer.status}</strong>
            </p>
            <pre class="snippet">{answer.body}</pre>
          </>
        )}
      </div>
    </form>
  );
}

/** JSON with its lines; any other text as it is. */
function pretty(text: string): string {
  try {
    return textOf(JSON.parse(text));
  } catch {
    return text;
  }
}
