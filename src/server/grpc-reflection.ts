import { createRegistry, type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectRouter } from '@connectrpc/connect';
import {
  ServerReflection,
  type ServerReflectionRequest,
} from '../../gen/grpc/reflection/v1/reflection_pb.js';
import {
  ServerReflection as ServerReflectionAlpha,
  type ServerReflectionRequest as ServerReflectionRequestAlpha,
} from '../../gen/grpc/reflection/v1alpha/reflection_pb.js';
import { Health } from '../../gen/health/v1/health_pb.js';
import { file_manam_v1_error_reason } from '../../gen/manam/v1/error_reason_pb.js';

type Question = Pick<ServerReflectionRequest | ServerReflectionRequestAlpha, 'host' | 'messageRequest'>;

/** Limit of requests per stream: a client that reads the whole contract sends a few dozen. */
const maxQuestions = 1000;

/**
 * grpc.reflection.v1 and v1alpha
 * (https://github.com/grpc/grpc/blob/v1.71.0/doc/server-reflection.md): the contract,
 * out of the descriptors that the server runs on, so that clients need no files.
 */
export function registerReflection(router: ConnectRouter, services: readonly DescService[]): void {
  const library = createLibrary([...services, Health, ServerReflection, ServerReflectionAlpha]);
  async function* answerAll<Request extends Question>(questions: AsyncIterable<Request>) {
    let asked = 0;
    for await (const question of questions) {
      asked += 1;
      if (asked > maxQuestions) return;
      const { host: validHost, messageRequest } = question;
      yield { validHost, originalRequest: question, messageResponse: library.answer(messageRequest) };
    }
  }
  router.service(ServerReflection, { serverReflectionInfo: answerAll });
  router.service(ServerReflectionAlpha, { serverReflectionInfo: answerAll });
}

function createLibrary(services: readonly DescService[]) {
  const files = new Map<string, DescFile>();
  const collect = (file: DescFile) => {
    if (files.has(file.proto.name)) return;
    files.set(file.proto.name, file);
    for (const dependency of file.dependencies) collect(dependency);
  };
  for (const { file } of services) collect(file);
  // The reasons of failures: no service imports them, and every client meets them.
  collect(file_manam_v1_error_reason);
  const registry = createRegistry(...files.values());
  const encoded = new Map(
    [...files.values()].map((file) => [file, toBinary(FileDescriptorProtoSchema, file.proto)]),
  );
  /** Every type, and every method, field, oneof and enum value, with the file that it stands in. */
  const symbols = new Map<string, DescFile>();
  for (const type of registry) {
    symbols.set(type.typeName, type.file);
    const inside: readonly { readonly name: string }[] =
      type.kind === 'service'
        ? type.methods
        : type.kind === 'message'
          ? [...type.fields, ...type.oneofs]
          : [];
    for (const { name } of inside) symbols.set(`${type.typeName}.${name}`, type.file);
    // The values of an enum belong to what the enum belongs to.
    const scope = type.typeName.slice(0, type.typeName.lastIndexOf('.'));
    for (const { name } of type.kind === 'enum' ? type.values : [])
      symbols.set(`${scope}.${name}`, type.file);
  }

  const notFound = (what: string) =>
    ({
      case: 'errorResponse',
      value: { errorCode: Code.NotFound, errorMessage: `${what} is not known` },
    }) as const;

  /** A file with all that it imports, the file itself first. */
  const filesOf = (file: DescFile | undefined, what: string) => {
    if (file === undefined) return notFound(what);
    const all = new Set<DescFile>();
    const add = (each: DescFile) => {
      if (all.has(each)) return;
      all.add(each);
      each.dependencies.forEach(add);
    };
    add(file);
    const fileDescriptorProto = [...all].map((each) => encoded.get(each) ?? new Uint8Array());
    return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } } as const;
  };

  const extensions = [...registry].filter((type) => type.kind === 'extension');

  return {
    answer(question: Question['messageRequest']) {
      switch (question.case) {
        case 'listServices':
          return {
            case: 'listServicesResponse',
            value: { service: services.map(({ typeName }) => ({ name: typeName })) },
          } as const;
        case 'fileByFilename':
          return filesOf(files.get(question.value), question.value);
        case 'fileContainingSymbol':
          return filesOf(symbols.get(question.value), question.value);
        case 'fileContainingExtension': {
          const { containingType, extensionNumber } = question.value;
          const found = extensions.find(
            ({ extendee, number }) => extendee.typeName === containingType && number === extensionNumber,
          );
          return filesOf(found?.file, `extension ${extensionNumber} of ${containingType}`);
        }
        case 'allExtensionNumbersOfType': {
          const { value } = question;
          if (registry.getMessage(value) === undefined) return notFound(value);
          const extensionNumber = extensions
            .filter(({ extendee }) => extendee.typeName === value)
            .map(({ number }) => number);
          return {
            case: 'allExtensionNumbersResponse',
            value: { baseTypeName: value, extensionNumber },
          } as const;
        }
        default:
          return {
            case: 'errorResponse',
            value: { errorCode: Code.InvalidArgument, errorMessage: 'the question is empty' },
          } as const;
      }
    },
  };
}
