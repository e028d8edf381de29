import type { Segment, Template, Variable } from './template.ts';

/** The result of a lookup: a route with the values of its variables, or the methods of the path. */
export type Match<R> =
  | {
      readonly found: 'route';
      readonly route: R;
      readonly variables: readonly { fieldPath: readonly string[]; value: string }[];
    }
  | { readonly found: 'path'; readonly methods: readonly string[] }
  | undefined;

type Leaf<R> = { readonly route: R; readonly name: string; readonly variables: readonly Variable[] };

type Node<R> = {
  readonly literals: Map<string, Node<R>>;
  single: Node<R> | undefined;
  multi: Node<R> | undefined;
  /** Verb → HTTP method → leaf. */
  readonly leaves: Map<string, Map<string, Leaf<R>>>;
};

function createNode<R>(): Node<R> {
  return { literals: new Map(), single: undefined, multi: undefined, leaves: new Map() };
}

/** Routes in a prefix tree by segment. */
export type RouteTrie<R> = {
  /** Adds a route; throws where another one claims the same method and path. */
  add(method: string, template: Template, route: R, name: string): void;
  find(method: string, path: string): Match<R>;
};

/**
 * Finds the most exact route: a literal is tried before `*`, and `*` before `**`. A
 * literal that lacks the method does not hide a wildcard that has it, so DELETE
 * /users/me reaches DELETE /users/{id} although GET /users/me exists.
 */
export function createRouteTrie<R>(): RouteTrie<R> {
  const root = createNode<R>();
  return {
    add(method, template, route, name) {
      const node = template.segments.reduce((parent, segment) => childFor(parent, segment), root);
      const methods = node.leaves.get(template.verb) ?? new Map<string, Leaf<R>>();
      node.leaves.set(template.verb, methods);
      const taken = methods.get(method);
      if (taken !== undefined)
        throw new Error(`${name} and ${taken.name} both claim the same ${method} route`);
      methods.set(method, { route, name, variables: template.variables });
    },

    find(method, path) {
      if (!path.startsWith('/')) return undefined;
      const raw = path.slice(1).split('/');
      const segments = raw.map(decode);
      if (!segments.every((segment) => segment !== undefined)) return undefined;
      const methods = new Set<string>();
      for (const { last, verb } of readings(raw.at(-1) ?? '')) {
        const lastSegment = decode(last);
        if (lastSegment === undefined) continue;
        const read = { raw: [...raw.slice(0, -1), last], decoded: [...segments.slice(0, -1), lastSegment] };
        for (const node of matching(root, read.decoded, 0)) {
          const leaves = node.leaves.get(verb);
          const leaf = leaves?.get(method);
          if (leaf !== undefined) return { found: 'route', route: leaf.route, variables: bind(leaf, read) };
          for (const other of leaves?.keys() ?? []) methods.add(other);
        }
      }
      return methods.size === 0 ? undefined : { found: 'path', methods: [...methods].sort() };
    },
  };
}

/** A last segment with a colon is first read as one with a verb, then as it is. */
function readings(last: string): { last: string; verb: string }[] {
  const colon = last.lastIndexOf(':');
  const whole = { last, verb: '' };
  return colon < 0 ? [whole] : [{ last: last.slice(0, colon), verb: last.slice(colon + 1) }, whole];
}

function childFor<R>(parent: Node<R>, segment: Segment): Node<R> {
  if (segment.kind === '*') {
    parent.single ??= createNode();
    return parent.single;
  }
  if (segment.kind === '**') {
    parent.multi ??= createNode();
    return parent.multi;
  }
  const child = parent.literals.get(segment.text) ?? createNode<R>();
  parent.literals.set(segment.text, child);
  return child;
}

/** Every node that the segments lead to, the most exact first. An empty segment matches no wildcard. */
function* matching<R>(node: Node<R>, segments: readonly string[], at: number): Generator<Node<R>> {
  const segment = segments[at];
  if (segment === undefined) {
    yield node;
    return;
  }
  const literal = node.literals.get(segment);
  if (literal !== undefined) yield* matching(literal, segments, at + 1);
  if (node.single !== undefined && segment !== '') yield* matching(node.single, segments, at + 1);
  if (node.multi !== undefined && segments.slice(at).every((rest) => rest !== '')) yield node.multi;
}

/** The values of the variables: one segment decoded, several as they came, so that `%2F` differs from `/`. */
function bind<R>({ variables }: Leaf<R>, read: { raw: readonly string[]; decoded: readonly string[] }) {
  return variables.map(({ fieldPath, start, end }) => {
    const isOne = end === start + 1;
    const value = isOne
      ? (read.decoded[start] ?? '')
      : read.raw.slice(start, end < 0 ? undefined : end).join('/');
    return { fieldPath, value };
  });
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
