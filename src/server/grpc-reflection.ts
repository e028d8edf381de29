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

type Question = Pick<ServerReflectionRequest | ServerReflectionRequestAlpha, 'host' | 'messageRequest'>;

/** How many questions one stream may ask: a client that walks the whole contract asks a few dozen. */
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
  const registry = createRegistry(...files.values());

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
    const fileDescriptorProto = [...all].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
    return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } } as const;
  };

  /** The file of a type or service, or of the one that a method, field or enum value belongs to. */
  const fileOfSymbol = (symbol: string): DescFile | undefined => {
    const owner = symbol.slice(0, Math.max(0, symbol.lastIndexOf('.')));
    const found = registry.get(symbol) ?? registry.get(owner);
    if (found === undefined || found.typeName === symbol) return found?.file;
    const { kind } = found;
    const members: readonly { readonly name: string }[] =
      kind === 'service' ? found.methods : kind === 'message' ? [...found.fields, ...found.oneofs] : [];
    return members.some(({ name }) => `${owner}.${name}` === symbol) ? found.file : undefined;
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
          return filesOf(fileOfSymbol(question.value), question.value);
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
