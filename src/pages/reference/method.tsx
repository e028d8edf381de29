import { Fragment } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { type Description, type Method, type Operation, type Property, propertiesOf } from './description.ts';
import { Send } from './send.tsx';

/** Words of the contract, in which names stand between backticks. */
export function Prose({ text }: { readonly text: string }) {
  return (
    <>
      {text.split('\n\n').map((paragraph) => (
        <p key={paragraph}>
          {paragraph
            .split(/(`[^`]+`)/)
            .map((part, index) =>
              part.startsWith('`') ? (
                <code key={`${index} ${part}`}>{part.slice(1, -1)}</code>
              ) : (
                <Fragment key={`${index} ${part}`}>{part}</Fragment>
              ),
            )}
        </p>
      ))}
    </>
  );
}

type MethodProps = { readonly method: Method; readonly description: Description };

/** One method: what it does, takes and returns, and a way to send it. */
export function MethodPage({ method, description }: MethodProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => heading.current?.focus(), []);
  const [first] = method.operations;
  if (first === undefined) return null;
  const { schemas } = description.components;
  const body = first.requestBody?.content['application/json']?.schema;
  const answer = Object.entries(first.responses).find(([status]) => status.startsWith('2'));
  const answerSchema = answer?.[1].content?.['application/json']?.schema;
  return (
    <>
      <p class="hint">{method.service}</p>
      <h1 ref={heading} tabIndex={-1}>
        {method.name}
      </h1>
      <Prose text={first.description} />
      <ul class="forms">
        {method.operations.flatMap(addressesOf).map((address) => (
          <li key={address}>
            <Address text={address} />
          </li>
        ))}
      </ul>
      {first.parameters !== undefined && first.parameters.length > 0 && (
        <section class="card">
          <h2>Parameters</h2>
          <dl class="properties">
            {first.parameters.map(({ name, in: place, description: text = '', required = false }) => (
              <div key={name}>
                <dt>
                  <code>{name}</code> <span class="hint">{place}</span>
                  {required && <span class="badge">required</span>}
                </dt>
                <dd>
                  <Prose text={text} />
                </dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      {body !== undefined && (
        <section class="card">
          <h2>Request</h2>
          <Properties properties={propertiesOf(body, schemas)} />
        </section>
      )}
      <Send method={method} servers={description.servers.map(({ url }) => url)} />
      {answerSchema !== undefined && (
        <section class="card">
          <h2>Answer</h2>
          <Properties properties={propertiesOf(answerSchema, schemas)} />
        </section>
      )}
      <Errors operation={first} />
    </>
  );
}

/** The addresses of a call, such as `POST /auth/login`. */
function addressesOf(operation: Operation): string[] {
  return [`${operation.method.toUpperCase()} ${operation.path}`, ...(operation['x-aliases'] ?? [])];
}

function Address({ text }: { readonly text: string }) {
  const [method = '', path = ''] = text.split(' ');
  return (
    <>
      <span class={`verb ${method.toLowerCase()}`}>{method}</span> <code>{path}</code>
    </>
  );
}

function Properties({ properties }: { readonly properties: readonly Property[] }) {
  if (properties.length === 0) return <p class="hint">Nothing.</p>;
  return (
    <dl class="properties">
      {properties.map(({ name, type, isRequired, description, below }) => (
        <div key={name}>
          <dt>
            <code>{name}</code> <span class="hint">{type}</span>
            {isRequired && <span class="badge">required</span>}
          </dt>
          <dd>
            {description !== '' && <Prose text={description} />}
            {below.length > 0 && (
              <details>
                <summary>What it holds</summary>
                <Properties properties={below} />
              </details>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** The reasons that a method can fail for, by status. */
function Errors({ operation }: { readonly operation: Operation }) {
  const failures = Object.entries(operation.responses).filter(([status]) => !status.startsWith('2'));
  return (
    <section class="card">
      <h2>Errors</h2>
      <dl class="properties">
        {failures.map(([status, { description }]) => (
          <div key={status}>
            <dt>
              <strong>{status}</strong>
            </dt>
            <dd>
              <Prose text={[...new Set(description.split('\n\n'))].join('\n\n')} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
