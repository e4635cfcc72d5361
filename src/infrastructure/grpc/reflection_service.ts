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
  type DescEnum,
  type DescFile,
  type DescMessage,
  type DescService,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { status as Code } from "@grpc/grpc-js";
import type { Log } from "../../application/ports/log.ts";
import {
  type ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { CallError, ClientGone } from "./call_error.ts";
import type { EncodedMessages } from "./http2_workarounds/framed_batch.ts";
import { endCall, type OpenCalls, sendHeaders } from "./open_calls.ts";
import type { DuplexCall, Handlers, PendingRequest } from "./register_service.ts";
import { pumpMessages } from "./stream_pump.ts";

function* namesOfEnum(desc: DescEnum): Generator<string> {
  yield desc.typeName;
  // Values are declared next to their enum, not inside it.
  const scope = desc.typeName.slice(0, desc.typeName.lastIndexOf(".") + 1);
  for (const value of desc.values) yield scope + value.name;
}

function* namesOfMessage(desc: DescMessage): Generator<string> {
  yield desc.typeName;
  for (const field of desc.fields) yield `${desc.typeName}.${field.name}`;
  for (const oneof of desc.oneofs) yield `${desc.typeName}.${oneof.name}`;
  for (const nested of desc.nestedMessages) yield* namesOfMessage(nested);
  for (const nested of desc.nestedEnums) yield* namesOfEnum(nested);
}

function* namesOfFile(file: DescFile): Generator<string> {
  for (const message of file.messages) yield* namesOfMessage(message);
  for (const desc of file.enums) yield* namesOfEnum(desc);
  for (const service of file.services) {
    yield service.typeName;
    for (const method of service.methods) {
      yield `${service.typeName}.${method.name}`;
    }
  }
}

/** Files, with their imports, by name and by the names that they declare. */
class DescriptorIndex {
  readonly #byName = new Map<string, DescFile>();
  readonly #bySymbol = new Map<string, DescFile>();

  /** Indexes `files` and all their imports. */
  constructor(files: readonly DescFile[]) {
    for (const file of files) this.#add(file);
  }

  /** Returns the file with this name, for example `cream/v1/common.proto`. */
  fileNamed(name: string): DescFile | undefined {
    return this.#byName.get(name);
  }

  /** Returns the file that declares this fully qualified name. */
  fileDeclaring(symbol: string): DescFile | undefined {
    return this.#bySymbol.get(symbol);
  }

  /** Whether this is the full name of a message. */
  isMessage(name: string): boolean {
    const file = this.#bySymbol.get(name);
    if (file === undefined) return false;
    const search = (messages: readonly DescMessage[]): boolean =>
      messages.some((message) => message.typeName === name || search(message.nestedMessages));
    return search(file.messages);
  }

  #add(file: DescFile): void {
    if (this.#byName.has(file.proto.name)) return;
    this.#byName.set(file.proto.name, file);
    for (const symbol of namesOfFile(file)) this.#bySymbol.set(symbol, file);
    for (const imported of file.dependencies) this.#add(imported);
  }
}

/** Returns the descriptors of a file and of all its imports, the file first. */
function descriptorsOf(file: DescFile): Uint8Array[] {
  const seen = new Set<DescFile>();
  const visit = (file: DescFile) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const imported of file.dependencies) visit(imported);
  };
  visit(file);
  return [...seen].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
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

function fileResponse(file: DescFile | undefined, what: string): MessageResponse {
  if (file === undefined) return notFound(what);
  return {
    case: "fileDescriptorResponse",
    value: { fileDescriptorProto: descriptorsOf(file) },
  };
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

/** Responds to requests about a list of services. */
export class Reflection {
  readonly #services: readonly DescService[];
  readonly #index: DescriptorIndex;

  constructor(services: readonly DescService[]) {
    this.#services = services;
    this.#index = new DescriptorIndex(services.map(({ file }) => file));
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
        return fileResponse(this.#index.fileNamed(request.value), `file ${request.value}`);
      case "fileContainingSymbol":
        return fileResponse(this.#index.fileDeclaring(request.value), `symbol ${request.value}`);
      case "allExtensionNumbersOfType":
        if (!this.#index.isMessage(request.value)) {
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
export interface ReflectionDependencies {
  readonly reflection: Reflection;
  readonly calls: OpenCalls;
  readonly log: Log;
}

async function serve(
  { reflection, calls, log }: ReflectionDependencies,
  call: DuplexCall<ServerReflectionRequest>,
): Promise<void> {
  async function* responses(): AsyncGenerator<EncodedMessages, void> {
    // Without this option, iteration destroys a duplex stream when its readable half has ended, and
    // a destroyed call cannot send its status.
    const requests: AsyncIterable<PendingRequest<ServerReflectionRequest>> = call.iterator({
      destroyOnReturn: false,
    });
    for await (const request of requests) {
      yield [reflection.respond(request.take())];
    }
  }
  let signal: AbortSignal;
  try {
    signal = calls.track(call);
  } catch (error) {
    return endCall(call, error);
  }
  // The signal does not end the wait for a request, so it ends the call.
  signal.addEventListener("abort", () => endCall(call, signal.reason), {
    once: true,
  });
  try {
    sendHeaders(call);
    await pumpMessages(call, responses(), { signal });
    // The client has sent its last request: the only stream that ends with OK.
    if (!signal.aborted) call.end();
  } catch (error) {
    // The iteration of requests fails when the call is over.
    if (signal.aborted || error instanceof ClientGone) return;
    if (!(error instanceof CallError)) {
      log.error("A reflection stream failed", { cause: error });
    }
    endCall(call, error);
  }
}

/** Returns the handlers of the reflection service. */
export function reflectionHandlers(
  deps: ReflectionDependencies,
): Handlers<typeof ServerReflection> {
  return { serverReflectionInfo: (call) => void serve(deps, call) };
}
