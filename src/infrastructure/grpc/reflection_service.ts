/**
 * Server reflection, for tools such as grpcurl.
 *
 * Served from the generated descriptors, so no files are read. The schema has no extensions, so
 * requests for those find nothing.
 *
 * @module
 */
import {
  create,
  type DescFile,
  type DescService,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Log } from "../../application/ports/log.ts";
import {
  type ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import type { DuplexCall } from "./call.ts";
import { CallError } from "./call_error.ts";
import type { EncodedMessages } from "./framed_batch.ts";
import type { Handlers } from "./methods.ts";
import type { OpenCalls } from "./open_calls.ts";
import { Code } from "./status_code.ts";
import { serveMessages } from "./stream_pump.ts";

/** Yields the full names of everything that a file declares. */
function* namesOf(file: DescFile): Generator<string> {
  for (const desc of nestedTypes(file)) {
    const { typeName } = desc;
    yield typeName;
    if (desc.kind === "message") {
      for (const { name } of [...desc.fields, ...desc.oneofs]) yield `${typeName}.${name}`;
    } else if (desc.kind === "service") {
      for (const { name } of desc.methods) yield `${typeName}.${name}`;
    } else if (desc.kind === "enum") {
      // Values are declared next to their enum, not inside it.
      const scope = typeName.slice(0, typeName.lastIndexOf(".") + 1);
      for (const { name } of desc.values) yield scope + name;
    }
  }
}

/** Returns files and all their imports, each once, the files first. */
function withImports(files: readonly DescFile[]): Set<DescFile> {
  const found = new Set(files);
  // A set also iterates over what is added meanwhile.
  for (const file of found) {
    for (const imported of file.dependencies) found.add(imported);
  }
  return found;
}

type MessageResponse = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

function notFound(what: string): MessageResponse {
  return {
    case: "errorResponse",
    value: { errorCode: Code.NOT_FOUND, errorMessage: `Unknown ${what}` },
  };
}

/** Responds with the descriptors of a file and of all its imports, the file first. */
function fileResponse(file: DescFile | undefined, what: string): MessageResponse {
  if (file === undefined) return notFound(what);
  const fileDescriptorProto = [...withImports([file])].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto)
  );
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

/** Bytes of the largest request; its response repeats it. */
const MAX_REQUEST_BYTES = 1_024;

function checkLength(request: ServerReflectionRequest): void {
  const { length } = toBinary(ServerReflectionRequestSchema, request);
  if (length <= MAX_REQUEST_BYTES) return;
  throw new CallError(
    Code.INVALID_ARGUMENT,
    `The request has ${length} bytes; the limit is ${MAX_REQUEST_BYTES}`,
  );
}

/** What the files of services declare. */
interface DescriptorIndex {
  /** Files by name, and by the full names that they declare. */
  readonly byName: ReadonlyMap<string, DescFile>;
  readonly bySymbol: ReadonlyMap<string, DescFile>;
  readonly messages: ReadonlySet<string>;
}

function indexOf(files: readonly DescFile[]): DescriptorIndex {
  const byName = new Map<string, DescFile>();
  const bySymbol = new Map<string, DescFile>();
  const messages = new Set<string>();
  for (const file of withImports(files)) {
    byName.set(file.proto.name, file);
    for (const name of namesOf(file)) bySymbol.set(name, file);
    for (const { kind, typeName } of nestedTypes(file)) {
      if (kind === "message") messages.add(typeName);
    }
  }
  return { byName, bySymbol, messages };
}

/** Responds to requests about a list of services. */
export class Reflection {
  readonly #services: readonly DescService[];
  readonly #details: readonly DescFile[];
  /** Made for the first request: most processes receive none. */
  #known: DescriptorIndex | undefined;

  /** @param details files of messages that no method names, such as error details */
  constructor(services: readonly DescService[], details: readonly DescFile[]) {
    this.#services = services;
    this.#details = details;
  }

  get #index(): DescriptorIndex {
    return this.#known ??= indexOf([
      ...this.#services.map(({ file }) => file),
      ...this.#details,
    ]);
  }

  /**
   * Returns the encoded `ServerReflectionResponse` to a request.
   *
   * @throws {CallError} INVALID_ARGUMENT for a request that is too large to repeat
   */
  respond(request: ServerReflectionRequest): Uint8Array {
    checkLength(request);
    return toBinary(
      ServerReflectionResponseSchema,
      create(ServerReflectionResponseSchema, {
        validHost: request.host,
        originalRequest: request,
        messageResponse: this.#find(request.messageRequest),
      }),
    );
  }

  #find(request: ServerReflectionRequest["messageRequest"]): MessageResponse {
    switch (request.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: {
            service: this.#services.map(({ typeName }) => ({ name: typeName })),
          },
        };
      case "fileByFilename":
        return fileResponse(this.#index.byName.get(request.value), `file ${request.value}`);
      case "fileContainingSymbol":
        return fileResponse(this.#index.bySymbol.get(request.value), `symbol ${request.value}`);
      case "allExtensionNumbersOfType":
        if (!this.#index.messages.has(request.value)) {
          return notFound(`message ${request.value}`);
        }
        return {
          case: "allExtensionNumbersResponse",
          value: { baseTypeName: request.value },
        };
      case "fileContainingExtension":
        return notFound(
          `extension ${request.value.extensionNumber} of ${request.value.containingType}`,
        );
      case undefined:
        return {
          case: "errorResponse",
          value: {
            errorCode: Code.INVALID_ARGUMENT,
            errorMessage: "The request has no message_request that is supported",
          },
        };
    }
  }
}

/** Dependencies of the service. */
interface ReflectionDependencies {
  readonly reflection: Reflection;
  readonly calls: OpenCalls;
  readonly log: Log;
}

/** Returns the handlers of the reflection service. */
export function reflectionHandlers(
  deps: ReflectionDependencies,
): Handlers<typeof ServerReflection> {
  async function* responses(
    call: DuplexCall<ServerReflectionRequest>,
  ): AsyncGenerator<EncodedMessages, void> {
    for await (const request of call.requests) yield [deps.reflection.respond(request.take())];
  }
  // Ends with OK when the client has sent its last request.
  return { serverReflectionInfo: (call) => serveMessages(call, () => responses(call), deps) };
}
