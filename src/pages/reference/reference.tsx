import { useEffect, useMemo, useState } from 'preact/hooks';
import { type Description, joined, type Method, type Service, servicesOf } from './description.ts';
import { MethodPage, Prose } from './method.tsx';

type Descriptions = { readonly rest: Description; readonly connect: Description };

async function fetchDescription(address: string): Promise<Description> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`the description cannot be had: ${response.status}`);
  return (await response.json()) as Description;
}

/** The reference of the API, drawn from the descriptions that the service serves. */
export function Reference() {
  const [descriptions, setDescriptions] = useState<Descriptions>();
  const [failure, setFailure] = useState('');
  const load = async () => {
    setFailure('');
    try {
      const [rest, connect] = await Promise.all(
        ['/openapi.json', '/openapi.connect.json'].map(fetchDescription),
      );
      if (rest !== undefined && connect !== undefined) setDescriptions({ rest, connect });
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
    }
  };
  useEffect(() => void load(), []);
  if (failure !== '')
    return (
      <main class="lone">
        <p role="alert" class="problem">
          {failure}
        </p>
        <button type="button" class="primary" onClick={() => void load()}>
          Try again
        </button>
      </main>
    );
  if (descriptions === undefined)
    return (
      <main class="lone">
        <p role="status" class="hint">
          One moment …
        </p>
      </main>
    );
  return <Shown {...descriptions} />;
}

const chosenNow = () => decodeURIComponent(location.hash.slice(1));

function Shown({ rest, connect }: Descriptions) {
  const services = useMemo(() => servicesOf(rest, connect), [rest, connect]);
  const description = useMemo(() => joined(rest, connect), [rest, connect]);
  const [chosen, setChosen] = useState(chosenNow);
  const [text, setText] = useState('');
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const look = () => {
      setChosen(chosenNow());
      setOpen(false);
      scrollTo(0, 0);
    };
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, []);
  const method = services.flatMap((service) => service.methods).find(({ id }) => id === chosen);
  useEffect(() => {
    document.title = method === undefined ? 'Manam API' : `${method.name} · Manam API`;
  }, [method]);
  return (
    <div class="shell">
      <div id="side" class={isOpen ? 'side open' : 'side'}>
        <header class="side-head">
          <a href="#overview" class="brand">
            Manam API
          </a>
          <button
            type="button"
            class="quiet menu"
            aria-expanded={isOpen}
            aria-controls="methods"
            onClick={() => setOpen(!isOpen)}
          >
            Methods
          </button>
        </header>
        <nav id="methods" aria-label="Methods">
          <label for="search" class="unseen">
            Search
          </label>
          <input
            id="search"
            type="search"
            placeholder="Name, path or text"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          {services.map((service) => (
            <ServiceList key={service.name} service={service} text={text} chosen={chosen} />
          ))}
        </nav>
      </div>
      <main>
        {method === undefined ? (
          <Overview services={services} />
        ) : (
          <MethodPage key={method.id} method={method} description={description} />
        )}
      </main>
    </div>
  );
}

/** Whether a method has a text in its name, its paths or what is said of it. */
function has({ name, operations }: Method, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  const words = [
    name,
    ...operations.flatMap((each) => [each.path, each.description, ...(each['x-aliases'] ?? [])]),
  ];
  return words.some((each) => each.toLowerCase().includes(wanted));
}

type ServiceListProps = { readonly service: Service; readonly text: string; readonly chosen: string };

function ServiceList({ service, text, chosen }: ServiceListProps) {
  const found = service.methods.filter((method) => has(method, text));
  if (found.length === 0) return null;
  const isOpen = text !== '' || found.some(({ id }) => id === chosen);
  return (
    <details open={isOpen}>
      <summary>{service.name}</summary>
      <ul>
        {found.map(({ id, name }) => (
          <li key={id}>
            <a href={`#${id}`} {...(id === chosen && { 'aria-current': 'page' as const })}>
              {name}
            </a>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Overview({ services }: { readonly services: readonly Service[] }) {
  return (
    <>
      <h1>Manam API</h1>
      <p>
        Every method is there in four forms on one port: gRPC, gRPC-Web, Connect, and JSON over HTTP. Choose
        one to read what it takes and returns, and to send it. The description is at{' '}
        <a href="/openapi.json">/openapi.json</a> and, as Connect has it,{' '}
        <a href="/openapi.connect.json">/openapi.connect.json</a>, in OpenAPI 3.1.
      </p>
      {services.map(({ name, description, methods }) => (
        <section key={name} class="card">
          <h2>{name}</h2>
          <Prose text={description} />
          <ul class="methods">
            {methods.map((method) => (
              <li key={method.id}>
                <a href={`#${method.id}`}>{method.name}</a>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}
