import {
  type DescEnumValue,
  type DescField,
  type DescMessage,
  fromJson,
  ScalarType,
} from '@bufbuild/protobuf';
import type { Json, JsonObject } from './json.ts';
import { type FieldProblem, RestError } from './rest-error.ts';

/** How REST spells a field. */
export type FieldSpelling = {
  /** The name in responses and requests; empty: the field's name. */
  readonly name: string;
  /** Further names in requests. */
  readonly aliases: readonly string[];
  /** The message's fields stand instead. */
  readonly flatten: boolean;
  /** The header to read where nothing else has the field; empty: none. */
  readonly header: string;
  /** A JSON number is treated as the string. */
  readonly lenient: boolean;
};

/** Reads the spelling options of a contract. */
export type SpellingOptions = {
  readonly field: (field: DescField) => FieldSpelling;
  /** The spelling of an enum value; undefined: its name. */
  readonly enumValue: (value: DescEnumValue) => string | undefined;
};

type SpelledField = FieldSpelling & {
  readonly field: DescField;
  readonly child: MessageSpelling | undefined;
};

/** A message with its spelling, resolved once. */
export type MessageSpelling = {
  readonly fields: readonly SpelledField[];
  readonly byInputName: ReadonlyMap<string, SpelledField>;
  readonly byProtoName: ReadonlyMap<string, SpelledField>;
};

export type Speller = {
  /** The spelling of a message. Throws where two fields claim one name. */
  of(message: DescMessage): MessageSpelling;
  /** A message as REST sends it, out of its JSON with proto field names. */
  toRest(spelling: MessageSpelling, json: JsonObject): JsonObject;
  /** The JSON of a message with proto field names, out of what REST sent; `isText`: all values came as texts. */
  fromRest(spelling: MessageSpelling, json: JsonObject, isText: boolean): JsonObject;
  /** A field of the contract, with dots, in the names of REST. */
  restNameOf(message: DescMessage, fieldPath: string): string;
};

/** Messages whose JSON is what it is: google.protobuf.Value, Struct, Timestamp and the like. */
function isWellKnown(message: DescMessage): boolean {
  return message.typeName.startsWith('google.protobuf.');
}

export function createSpeller(options: SpellingOptions): Speller {
  const known = new Map<DescMessage, MessageSpelling>();

  function spellingOf(message: DescMessage): MessageSpelling {
    const found = known.get(message);
    if (found !== undefined) return found;
    const fields: SpelledField[] = [];
    const byInputName = new Map<string, SpelledField>();
    const byProtoName = new Map<string, SpelledField>();
    const made = { fields, byInputName, byProtoName };
    // Known before it is whole: a message may contain itself.
    known.set(message, made);
    for (const field of message.fields) {
      const spelling = options.field(field);
      const child =
        field.message === undefined || isWellKnown(field.message) ? undefined : spellingOf(field.message);
      const spelled = { ...spelling, name: spelling.name === '' ? field.name : spelling.name, field, child };
      fields.push(spelled);
      byProtoName.set(field.name, spelled);
      for (const name of [spelled.name, ...spelling.aliases]) {
        const other = byInputName.get(name);
        if (other !== undefined) {
          throw new Error(
            `${message.typeName}: ${field.name} and ${other.field.name} are both spelled ${name}`,
          );
        }
        byInputName.set(name, spelled);
      }
    }
    return made;
  }

  function outValue({ field, child }: SpelledField, value: Json): Json {
    if (Array.isArray(value)) return value.map((item) => outItem(field, child, item));
    if (field.fieldKind === 'map') return value;
    return outItem(field, child, value);
  }

  function outItem(field: DescField, child: MessageSpelling | undefined, value: Json): Json {
    if (child !== undefined) return toRest(child, value as JsonObject);
    if (field.message !== undefined) return writeWellKnown(field.message, value);
    if (field.enum === undefined || field.enum.typeName.startsWith('google.protobuf.')) return value;
    const enumValue = field.enum.values.find(({ name }) => name === value);
    return (enumValue && options.enumValue(enumValue)) ?? value;
  }

  function toRest(spelling: MessageSpelling, json: JsonObject): JsonObject {
    const out: JsonObject = {};
    for (const [protoName, value] of Object.entries(json)) {
      const spelled = spelling.byProtoName.get(protoName);
      if (spelled === undefined) continue;
      const rest = outValue(spelled, value);
      if (spelled.flatten) Object.assign(out, rest);
      else out[spelled.name] = rest;
    }
    return out;
  }

  function fromRest(spelling: MessageSpelling, json: JsonObject, isText: boolean): JsonObject {
    const problems: FieldProblem[] = [];
    const out = readMessage(spelling, json, isText, '', problems);
    if (problems.length > 0) throw new RestError('fields-invalid', problems);
    return out;
  }

  function readMessage(
    spelling: MessageSpelling,
    json: JsonObject,
    isText: boolean,
    path: string,
    problems: FieldProblem[],
  ): JsonObject {
    const out: JsonObject = {};
    for (const [name, value] of Object.entries(json)) {
      const spelled = spelling.byInputName.get(name);
      if (spelled === undefined) {
        problems.push({ field: path + name, problem: 'unknown' });
      } else if (Object.hasOwn(out, spelled.field.name)) {
        problems.push({ field: path + spelled.field.name, problem: 'duplicate' });
      } else if (value !== null) {
        out[spelled.field.name] = readField(spelled, value, isText, path, problems);
      }
    }
    return out;
  }

  function readField(
    spelled: SpelledField,
    value: Json,
    isText: boolean,
    path: string,
    problems: FieldProblem[],
  ): Json {
    const { field, child, lenient } = spelled;
    const wrong = (): Json => {
      problems.push({ field: path + field.name, problem: 'type' });
      return null;
    };
    const readItem = (item: Json): Json => {
      if (child !== undefined) {
        if (item === null || typeof item !== 'object' || Array.isArray(item)) return wrong();
        return readMessage(child, item, isText, `${path}${field.name}.`, problems);
      }
      if (field.message !== undefined) return readWellKnown(field.message, item) ?? wrong();
      return (
        (field.enum === undefined ? readScalar(field, item, lenient, isText) : readEnum(field, item)) ??
        wrong()
      );
    };
    if (field.fieldKind === 'list') {
      const items = isText && !Array.isArray(value) ? [value] : value;
      return Array.isArray(items) ? items.map(readItem) : wrong();
    }
    if (field.fieldKind === 'map') return value;
    return readItem(value);
  }

  function readEnum(field: DescField, value: Json): Json | undefined {
    const found = field.enum?.values.find((each) => each.name === value || options.enumValue(each) === value);
    return found?.name;
  }

  return {
    of: spellingOf,
    toRest,
    fromRest,
    restNameOf(message, fieldPath) {
      const names: string[] = [];
      let current: DescMessage | undefined = message;
      for (const part of fieldPath.split('.')) {
        const spelled: SpelledField | undefined = current && spellingOf(current).byProtoName.get(part);
        names.push(spelled?.name ?? part);
        current = spelled?.field.message;
      }
      return names.join('.');
    },
  };
}

function isMask({ typeName }: DescMessage, value: Json): value is string {
  return typeName === 'google.protobuf.FieldMask' && typeof value === 'string';
}

/** The reverse of `readWellKnown`. */
function writeWellKnown(message: DescMessage, value: Json): Json {
  if (!isMask(message, value)) return value;
  return value.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Well-known types whose JSON form is validated before Protobuf parses it. */
const narrow = ['google.protobuf.Timestamp', 'google.protobuf.Duration', 'google.protobuf.FieldMask'];

/**
 * The Protobuf JSON of a value, or undefined if it is invalid. REST names the fields of a mask in snake case, Protobuf JSON
 * in camel case. Dates that do not exist are rejected here, because the parser turns 31 February into 3 March.
 */
function readWellKnown(message: DescMessage, value: Json): Json | undefined {
  if (!narrow.includes(message.typeName)) return value;
  const json = isMask(message, value)
    ? value.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    : value;
  const [, day, hour] = /^(\d{4}-\d\d-\d\d)T(\d\d)/.exec(String(json)) ?? [];
  if (day !== undefined && (hour === '24' || !isDay(day))) return undefined;
  try {
    fromJson(message, json);
    return json;
  } catch {
    return undefined;
  }
}

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** The JSON value of a scalar, or undefined where the value is of another type. */
function readScalar(field: DescField, value: Json, lenient: boolean, isText: boolean): Json | undefined {
  switch (field.scalar) {
    case ScalarType.STRING:
      if (lenient && typeof value === 'number') return String(value);
      return typeof value === 'string' && value.isWellFormed() ? value : undefined;
    case ScalarType.BYTES:
      return typeof value === 'string' ? value : undefined;
    case ScalarType.BOOL:
      if (isText && (value === 'true' || value === 'false')) return value === 'true';
      return typeof value === 'boolean' ? value : undefined;
    default: {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      return typeof number === 'number' && fits(field, number) ? number : undefined;
    }
  }
}

function fits(field: DescField, value: number): boolean {
  switch (field.scalar) {
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return Number.isInteger(value) && value >= 0 && value < 2 ** 32;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return Number.isFinite(value);
    default:
      return Number.isSafeInteger(value);
  }
}
