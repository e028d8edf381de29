// What clients read of the contract: its shapes, and who may call a method how. The rest of the options, such as the REST
// spelling and the texts, is the server's and would be loaded for nothing.
import { create, fromBinary, getExtension, setExtension, toBinary } from '@bufbuild/protobuf';
import { type DescriptorProto, FileDescriptorProtoSchema, type MethodOptions } from '@bufbuild/protobuf/wkt';
import type { Plugin } from 'rolldown';
import { AccessSchema, access } from '../gen/manam/options/v1/access_pb.js';

/** Options that no client reads: the files that declare them. */
const dropped = /^file_(?:google_api_|manam_options_v1_(?!access))/;

const call = /fileDesc\("([^"]+)"(?:, \[([^\]]*)\])?\)/;

/** Leaves in generated code what clients read. */
export function leanDescriptors(): Plugin {
  return {
    name: 'lean-descriptors',
    transform: {
      filter: { id: /\/gen\/.*_pb\.js$/ },
      handler: (code) => code.replace(call, (_, text: string, imports = '') => leanCall(text, imports)),
    },
  };
}

function leanCall(text: string, imports: string): string {
  const kept = imports.split(', ').filter((name) => name !== '' && !dropped.test(name));
  // As it is and not in Base64, which hides from gzip what repeats itself: a quarter less to load.
  return `fileDesc(/*@__PURE__*/ btoa(${JSON.stringify(leanFile(text).toString('latin1'))}), [${kept.join(', ')}])`;
}

function leanFile(text: string): Buffer {
  const file = fromBinary(FileDescriptorProtoSchema, Buffer.from(text, 'base64'));
  delete file.options;
  file.messageType.forEach(leanMessage);
  for (const { value } of file.enumType) for (const each of value) delete each.options;
  for (const { method } of file.service)
    for (const { options } of method) if (options !== undefined) leanMethod(options);
  return Buffer.from(toBinary(FileDescriptorProtoSchema, file));
}

function leanMessage({ field, nestedType, options }: DescriptorProto): void {
  // That a message is the entry of a map is an option as well.
  if (options !== undefined) delete options.$unknown;
  for (const { options: each } of field) if (each !== undefined) delete each.$unknown;
  nestedType.forEach(leanMessage);
}

function leanMethod(options: MethodOptions): void {
  const rule = getExtension(options, access);
  delete options.$unknown;
  const { key, sessions, scope, idempotencyKey, retrySafe, proofOfWork, stream, members } = rule;
  const kept = { key, sessions, scope, idempotencyKey, retrySafe, proofOfWork, stream, members };
  setExtension(options, access, create(AccessSchema, kept));
}
