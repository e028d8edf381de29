import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescService,
  getOption,
  hasOption,
  ScalarType,
} from '@bufbuild/protobuf';
import { range } from '../../gen/manam/options/v1/range_pb.js';
import { rest_enum_value } from '../../gen/manam/options/v1/rest_pb.js';
import { text } from '../../gen/manam/options/v1/text_pb.js';
import { createSpeller } from '../../src/rest/spelling.ts';
import { restSpelling } from '../../src/server/rest-route.ts';
import { commentOf } from './contract.ts';

/** A schema of JSON Schema 2020-12, which OpenAPI 3.1 uses. */
export type Schema = { readonly [keyword: string]: unknown };

/** REST spells fields as the contract says; Connect as Protobuf's own JSON does. */
export type Dialect = 'rest' | 'connect';

/** How REST spells the contract. */
export const speller = createSpeller(restSpelling);

const wellKnown: Record<string, Schema> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Duration': { type: 'string', description: 'Seconds, such as `1.5s`.' },
  'google.protobuf.FieldMask': { type: 'string', description: 'Names of fields, separated by commas.' },
  'google.protobuf.Struct': { type: 'object', additionalProperties: true },
  'google.protobuf.Value': {},
  'google.protobuf.ListValue': { type: 'array', items: {} },
};

/** The schemas of messages, collected under the names that they are referred to by. */
export function createSchemas(dialect: Dialect, services: readonly DescService[]) {
  const requests = new Set(services.flatMap(({ methods }) => methods.map(({ input }) => input)));
  const components = new Map<string, Schema>();
  /** REST is what most people look for: its schemas have the short names. */
  const nameOf = ({ typeName, name }: DescMessage) => (dialect === 'rest' ? name : typeName);

  function refer(message: DescMessage): Schema {
    const known = wellKnown[message.typeName];
    if (known !== undefined) return known;
    const name = nameOf(message);
    if (!components.has(name)) {
      // Known before it is whole: a message may contain itself.
      components.set(name, {});
      components.set(name, describe(message));
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  function describe(message: DescMessage): Schema {
    const description = commentOf(message);
    return {
      type: 'object',
      ...(description !== '' && { description }),
      properties: propertiesOf(message),
      ...requiredOf(message),
    };
  }

  /** The fields that have to be there. One that has other names is left out: any of them will do. */
  function requiredOf(message: DescMessage): Schema {
    const required = speller
      .of(message)
      .fields.filter(({ field }) => hasOption(field, text) && getOption(field, text).required)
      .filter(({ aliases, header }) => dialect === 'connect' || (aliases.length === 0 && header === ''))
      .map(({ field, name }) => (dialect === 'connect' ? field.jsonName : name));
    return required.length === 0 ? {} : { required };
  }

  /** The fields of a message by their names; those that REST flattens stand among them. */
  function propertiesOf(message: DescMessage): Record<string, Schema> {
    const properties: Record<string, Schema> = {};
    for (const { field, name, aliases, flatten, lenient } of speller.of(message).fields) {
      if (dialect === 'connect') {
        properties[field.jsonName] = schemaOf(field, lenient);
      } else if (flatten && field.message !== undefined) {
        Object.assign(properties, propertiesOf(field.message));
      } else {
        properties[name] = schemaOf(field, lenient);
        for (const alias of requests.has(message) ? aliases : [])
          properties[alias] = { ...unitOf(field, lenient), description: `Another name of \`${name}\`.` };
      }
    }
    return properties;
  }

  function schemaOf(field: DescField, lenient: boolean): Schema {
    const description = commentOf(field);
    const inner = unitOf(field, lenient);
    const whole =
      field.fieldKind === 'list'
        ? { type: 'array', items: inner }
        : field.fieldKind === 'map'
          ? { type: 'object', additionalProperties: inner }
          : inner;
    return { ...whole, ...(description !== '' && { description }) };
  }

  /** The schema of one value of a field. */
  function unitOf(field: DescField, lenient: boolean): Schema {
    if (field.message !== undefined) return refer(field.message);
    if (field.enum !== undefined) return enumSchema(field.enum, dialect);
    const scalar = { ...scalarSchema(field.scalar), ...boundOf(field) };
    return dialect === 'rest' && lenient ? { ...scalar, type: ['string', 'number'] } : scalar;
  }

  return { refer, propertiesOf, components };
}

export type Schemas = ReturnType<typeof createSchemas>;

function enumSchema(type: DescEnum, dialect: Dialect): Schema {
  const names = type.values.map((value) =>
    dialect === 'rest' && hasOption(value, rest_enum_value) ? getOption(value, rest_enum_value) : value.name,
  );
  return { type: 'string', enum: [...new Set(names)] };
}

/** The limits of a field. Those of texts count bytes: no fewer than there are characters. */
function boundOf(field: DescField): Schema {
  if (hasOption(field, range)) {
    const { min: minimum, max: maximum } = getOption(field, range);
    return { minimum, maximum };
  }
  if (!hasOption(field, text)) return {};
  const { maxBytes, required, pattern } = getOption(field, text);
  return {
    ...(maxBytes === 0 ? {} : { maxLength: maxBytes }),
    ...(required ? { minLength: 1 } : {}),
    ...(pattern === '' ? {} : { pattern: required ? `^(?:${pattern})$` : `^(?:${pattern})?$` }),
  };
}

function scalarSchema(scalar: ScalarType | undefined): Schema {
  switch (scalar) {
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number' };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.UINT32:
      return { type: 'integer', format: 'int32' };
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return { type: 'string', format: 'int64' };
    default:
      return { type: 'string' };
  }
}
