import { type DescMethod, fromJson, type JsonObject, toJson } from '@bufbuild/protobuf';
import type { RestAddress } from './contract.ts';
import { examples } from './examples.ts';
import { speller } from './schemas.ts';

type Json = Record<string, unknown>;

/** A request of REST by the places of its fields. */
export type RestExample = { readonly path: Json; readonly query: Json; readonly body: Json };

/** The message of a call's example: an empty one where the call takes nothing. Throws where it is none of the call. */
function messageOf({ input, localName }: DescMethod) {
  return fromJson(input, examples[localName] ?? {});
}

/** The example of a call as Connect has it. */
export function connectExample(method: DescMethod): Json {
  return toJson(method.input, messageOf(method)) as JsonObject;
}

/** The example of a call at its address of REST. */
export function restExample(method: DescMethod, { path, hasBody }: RestAddress): RestExample {
  const json = toJson(method.input, messageOf(method), { useProtoFieldName: true }) as JsonObject;
  const entries = Object.entries(json);
  const inPath = entries.filter(([name]) => path.includes(`{${name}}`));
  const beside = Object.fromEntries(entries.filter(([name]) => !path.includes(`{${name}}`)));
  const spelled = speller.toRest(speller.of(method.input), beside as never) as Json;
  return { path: Object.fromEntries(inPath), query: hasBody ? {} : spelled, body: hasBody ? spelled : {} };
}
