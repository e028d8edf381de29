import {
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import type { Interceptor } from '@connectrpc/connect';
import { range } from '../../gen/manam/options/v1/range_pb.js';
import { text as textOption } from '../../gen/manam/options/v1/text_pb.js';
import { invalid, type Reason, reasons, type Violation } from '../domain/errors.ts';

/** The most bytes of a text whose field declares nothing. */
const defaultMaxBytes = 1024;
/** More combining marks in a row make normalization quadratic (UAX #15, section 13, Stream-Safe Text Format). */
const tooManyMarks = /\p{M}{31}/u;
/** Text of these characters alone is its own normal form, one byte a character. */
const ascii = /^[\0-\x7f]*$/;

type Limits = {
  readonly maxBytes: number;
  readonly isPassword: boolean;
  /** The reason to reject an empty text; undefined: it is allowed. */
  readonly emptyReason: Reason | undefined;
  readonly pattern: RegExp | undefined;
  readonly patternReason: Reason;
};
type Report = (field: string, reason: Reason, description?: string) => void;
type Check = (value: unknown, path: string, report: Report) => void;

/** The reason why a text is outside of its limits; undefined: it is within. Linear in `maxBytes`. */
function judgeText(text: string, limits: Limits): Reason | undefined {
  if (text === '') return limits.emptyReason;
  const { pattern, patternReason } = limits;
  return judgeSize(text, limits) ?? (pattern?.test(text) === false ? patternReason : undefined);
}

function judgeSize(text: string, { maxBytes, isPassword }: Limits): Reason | undefined {
  const tooLong = isPassword ? 'PASSWORD_TOO_LONG' : 'FIELD_TOO_LONG';
  // A character is at least one byte: what is too long is rejected before anything reads it.
  if (text.length > maxBytes) return tooLong;
  if (ascii.test(text)) return undefined;
  if (!text.isWellFormed()) return 'FIELD_INVALID';
  if (Buffer.byteLength(text) > maxBytes) return tooLong;
  if (!isPassword && tooManyMarks.test(text)) return 'FIELD_INVALID';
  return Buffer.byteLength(text.normalize('NFKC')) > maxBytes ? tooLong : undefined;
}

function checkText(limits: Limits): Check {
  return (value, path, report) => {
    const reason = judgeText(value as string, limits);
    if (reason === undefined) return;
    report(path, reason, reason === 'FIELD_TOO_LONG' ? `at most ${limits.maxBytes} bytes` : undefined);
  };
}

/** The limits of a text inside of a JSON value: those of the message that it came in. */
const jsonText = checkText({
  maxBytes: 64 * 1024,
  isPassword: false,
  emptyReason: undefined,
  pattern: undefined,
  patternReason: 'FIELD_INVALID',
});

/** Checks every name and every text of a JSON value. Its size and depth are bounded by the parser. */
const checkJson: Check = (value, path, report) => {
  if (typeof value === 'string') jsonText(value, path, report);
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    jsonText(name, path, report);
    checkJson(inner, path, report);
  }
};

/** A time or a length of time within whole seconds that both its type and the database can hold. */
function checkSeconds(least: number, most: number): Check {
  return (value, path, report) => {
    const { seconds, nanos } = value as { readonly seconds: bigint; readonly nanos: number };
    const isWithin = seconds >= least && seconds <= most && Math.abs(nanos) < 1_000_000_000;
    if (!isWithin) report(path, 'FIELD_INVALID');
  };
}

/** The checks of messages whose JSON is one value (protobuf, "ProtoJSON Format"): their path is that of the field. */
const valueChecks: ReadonlyMap<string, Check> = new Map([
  ['google.protobuf.Struct', checkJson],
  ['google.protobuf.Value', checkJson],
  ['google.protobuf.ListValue', checkJson],
  // From year 1 to the last second but one of 9999: rounded to milliseconds the last one is in another year.
  ['google.protobuf.Timestamp', checkSeconds(-62_135_596_800, 253_402_300_798)],
  ['google.protobuf.Duration', checkSeconds(-315_576_000_000, 315_576_000_000)],
]);

const checks = new Map<DescMessage, Check>();

function checkOf(field: DescField): Check | undefined {
  if (field.message !== undefined)
    return valueChecks.get(field.message.typeName) ?? messageCheck(field.message);
  if (hasOption(field, range)) return checkNumber(getOption(field, range));
  if (field.scalar !== ScalarType.STRING) return undefined;
  const { maxBytes, password, required, pattern, patternReason } = getOption(field, textOption);
  return checkText({
    maxBytes: maxBytes === 0 ? defaultMaxBytes : maxBytes,
    isPassword: password,
    emptyReason: required ? (reasonOf(patternReason) ?? 'FIELD_REQUIRED') : undefined,
    pattern: pattern === '' ? undefined : new RegExp(`^(?:${pattern})$`, 'u'),
    patternReason: reasonOf(patternReason) ?? 'FIELD_INVALID',
  });
}

function checkNumber({ min, max }: { readonly min: number; readonly max: number }): Check {
  return (value, path, report) => {
    const number = value as number;
    if (number < min || number > max) report(path, 'FIELD_INVALID', `must be from ${min} to ${max}`);
  };
}

/** The reason that the contract names, if any; one that does not exist stops the server. */
function reasonOf(name: string): Reason | undefined {
  if (name === '') return undefined;
  const reason = reasons.find((known) => known === name);
  if (reason === undefined) throw new Error(`the contract names the reason ${name}, which does not exist`);
  return reason;
}

/** The value of a field in a message; undefined where it is not set. */
function heldBy(message: Record<string, unknown>, { oneof, localName }: DescField): unknown {
  if (oneof === undefined) return message[localName];
  const held = message[oneof.localName] as { case?: string; value?: unknown } | undefined;
  return held?.case === localName ? held.value : undefined;
}

/** The check of a message, resolved once for each type. */
function messageCheck(type: DescMessage): Check {
  const known = checks.get(type);
  if (known !== undefined) return known;
  const fields: { readonly field: DescField; readonly check: Check }[] = [];
  const check: Check = (value, path, report) => {
    for (const { field, check: inner } of fields) {
      const held = heldBy(value as Record<string, unknown>, field);
      if (held === undefined) continue;
      const name = path + field.name;
      const isValue = field.message === undefined || valueChecks.has(field.message.typeName);
      const nested = isValue ? name : `${name}.`;
      if (field.fieldKind === 'list') for (const item of held as unknown[]) inner(item, nested, report);
      else if (field.fieldKind === 'map')
        for (const item of Object.values(held as object)) inner(item, nested, report);
      else inner(held, nested, report);
    }
  };
  // Known before it is whole: a message may contain itself.
  checks.set(type, check);
  for (const field of type.fields) {
    const inner = checkOf(field);
    if (inner !== undefined) fields.push({ field, check: inner });
  }
  return check;
}

/** Throws REQUEST_INVALID with every field of a request that is outside of the limits of the contract. */
export function assertBounded(type: DescMessage, message: Message): void {
  const violations: Violation[] = [];
  messageCheck(type)(message, '', (field, reason, description) => {
    // One field of a list or a JSON value can be at fault many times.
    if (violations.some((known) => known.field === field)) return;
    violations.push({ field, reason, ...(description === undefined ? {} : { description }) });
  });
  if (violations.length > 0) throw invalid(...violations);
}

/**
 * Validates requests against the limits that the contract declares, before a flow normalizes, hashes
 * or stores anything of them. It is the innermost interceptor.
 */
export const boundsInterceptor: Interceptor = (next) => (request) => {
  const { input } = request.method;
  if (request.stream) return next({ ...request, message: bounded(input, request.message) });
  assertBounded(input, request.message as Message);
  return next(request);
};

/** The messages of a stream, each validated as it comes. */
async function* bounded<T>(input: DescMessage, messages: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const message of messages) {
    assertBounded(input, message as Message);
    yield message;
  }
}
