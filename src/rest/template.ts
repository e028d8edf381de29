/**
 * Path templates of google.api.http:
 *
 *     Template  = "/" Segments [ ":" LITERAL ] ;
 *     Segments  = Segment { "/" Segment } ;
 *     Segment   = "*" | "**" | LITERAL | Variable ;
 *     Variable  = "{" FieldPath [ "=" Segments ] "}" ;
 *     FieldPath = IDENT { "." IDENT } ;
 *
 * https://github.com/googleapis/googleapis/blob/master/google/api/http.proto
 * `**` has to be the last segment, variables do not nest, and no field is bound twice.
 */
export type Template = {
  /** Literals in their decoded form, `*` for one segment, `**` for all that follow. */
  readonly segments: readonly Segment[];
  readonly variables: readonly Variable[];
  /** The verb after the colon; empty: none. */
  readonly verb: string;
};

export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: '*' }
  | { readonly kind: '**' };

export type Variable = {
  readonly fieldPath: readonly string[];
  /** The first segment that it covers. */
  readonly start: number;
  /** The segment after the last one that it covers; -1: to the end of the path. */
  readonly end: number;
};

/** A template is malformed; the message names the column, counted from 1. */
export class TemplateError extends Error {
  constructor(template: string, column: number, problem: string) {
    super(`${JSON.stringify(template)}: ${problem} at column ${column}`);
    this.name = 'TemplateError';
  }
}

/** Unreserved and sub-delimiter characters of RFC 3986, section 3.3, without those that the grammar uses. */
const literalCharacter = /[A-Za-z0-9\-._~!$&'()+,;@%]/;
const identifierStart = /[A-Za-z_]/;
const identifierCharacter = /[A-Za-z0-9_]/;

/** Reads a template one character at a time, and knows at which column it is. */
function createScanner(text: string) {
  let at = 0;
  const fail = (problem: string): never => {
    throw new TemplateError(text, at + 1, problem);
  };
  return {
    fail,
    isAtEnd: () => at >= text.length,
    peek: () => text[at] ?? '',
    startsWith: (prefix: string) => text.startsWith(prefix, at),
    take(expected: string): void {
      if (!text.startsWith(expected, at)) {
        fail(`expected '${expected}' but found ${at < text.length ? `'${text[at]}'` : 'the end'}`);
      }
      at += expected.length;
    },
    takeWhile(allowed: RegExp): string {
      const start = at;
      while (at < text.length && allowed.test(text[at] ?? '')) at += 1;
      return text.slice(start, at);
    },
  };
}

type Scanner = ReturnType<typeof createScanner>;
type Draft = { segments: Segment[]; variables: Variable[] };

/** Parses a template, or throws a TemplateError. */
export function parseTemplate(text: string): Template {
  const scanner = createScanner(text);
  const draft: Draft = { segments: [], variables: [] };
  scanner.take('/');
  parseSegments(scanner, draft, 'path');
  let verb = '';
  if (scanner.peek() === ':') {
    scanner.take(':');
    verb = parseLiteral(scanner);
  }
  if (!scanner.isAtEnd()) scanner.fail(`unexpected '${scanner.peek()}'`);
  return { ...draft, verb };
}

function parseSegments(scanner: Scanner, draft: Draft, inside: 'path' | 'variable'): void {
  for (;;) {
    if (draft.segments.at(-1)?.kind === '**') scanner.fail("nothing may follow '**'");
    parseSegment(scanner, draft, inside);
    if (scanner.peek() !== '/') return;
    scanner.take('/');
  }
}

function parseSegment(scanner: Scanner, draft: Draft, inside: 'path' | 'variable'): void {
  if (scanner.startsWith('**')) {
    scanner.take('**');
    draft.segments.push({ kind: '**' });
  } else if (scanner.startsWith('*')) {
    scanner.take('*');
    draft.segments.push({ kind: '*' });
  } else if (scanner.peek() === '{') {
    if (inside === 'variable') scanner.fail('variables do not nest');
    parseVariable(scanner, draft);
  } else {
    draft.segments.push({ kind: 'literal', text: parseLiteral(scanner) });
  }
}

function parseLiteral(scanner: Scanner): string {
  const literal = scanner.takeWhile(literalCharacter);
  if (literal === '')
    scanner.fail(scanner.isAtEnd() ? 'expected a segment' : `unexpected '${scanner.peek()}'`);
  try {
    return decodeURIComponent(literal);
  } catch {
    return scanner.fail('broken percent-encoding before');
  }
}

function parseVariable(scanner: Scanner, draft: Draft): void {
  scanner.take('{');
  const fieldPath = parseFieldPath(scanner);
  if (draft.variables.some((variable) => variable.fieldPath.join('.') === fieldPath.join('.'))) {
    scanner.fail(`'${fieldPath.join('.')}' is bound twice`);
  }
  const start = draft.segments.length;
  if (scanner.peek() === '=') {
    scanner.take('=');
    parseSegments(scanner, draft, 'variable');
  } else {
    draft.segments.push({ kind: '*' });
  }
  const end = draft.segments.at(-1)?.kind === '**' ? -1 : draft.segments.length;
  draft.variables.push({ fieldPath, start, end });
  scanner.take('}');
}

function parseFieldPath(scanner: Scanner): string[] {
  const path: string[] = [];
  do {
    if (path.length > 0) scanner.take('.');
    if (!identifierStart.test(scanner.peek())) scanner.fail('expected a field name');
    path.push(scanner.takeWhile(identifierCharacter));
  } while (scanner.peek() === '.');
  return path;
}
