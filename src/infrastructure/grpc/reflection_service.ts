/**
 * Server reflection: lets tools such as grpcurl find out what is offered.
 *
 * Served from the generated descriptors, so nothing is read from disk. The
 * schema has no extensions, so questions about those find nothing.
 *
 * @module
 */
import {
  create,
  type DescService,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { DescFile } from "@bufbuild/protobuf";
import { status as Code } from "@grpc/grpc-js";
import type { Log } from "../../application/ports/log.ts";
import {
  type ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { CallError, ClientGone } from "./call_error.ts";
import type { OpenCalls } from "./open_calls.ts";
import { accept, endCall, pump } from "./pump.ts";
import type {
  Bodies,
  DuplexCall,
  Handlers,
  UnreadRequest,
} from "./service_bridge.ts";
import { descriptorsOf, SymbolIndex } from "./symbol_index.ts";

type Answer = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

function notFound(what: string): Answer {
  return {
    case: "errorResponse",
    value: { errorCode: Code.NOT_FOUND, errorMessage: `There is no ${what}` },
  };
}

function fileAnswer(file: DescFile | undefined, what: string): Answer {
  if (file === undefined) return notFound(what);
  return {
    case: "fileDescriptorResponse",
    value: { fileDescriptorProto: descriptorsOf(file) },
  };
}

/** Bytes of a request, which its answer repeats. */
const MAX_REQUEST_BYTES = 1_024;

function checkLength(request: ServerReflectionRequest): void {
  const { length } = toBinary(ServerReflectionRequestSchema, request);
  if (length <= MAX_REQUEST_BYTES) return;
  throw new CallError(
    Code.INVALID_ARGUMENT,
    `The request has ${length} bytes; at most ${MAX_REQUEST_BYTES} are read`,
  );
}

/** Answers questions about the services it was made with. */
export class Reflection {
  readonly #services: readonly DescService[];
  readonly #index: SymbolIndex;

  constructor(services: readonly DescService[]) {
    this.#services = services;
    this.#index = new SymbolIndex(services.map(({ file }) => file));
  }

  /**
   * The serialized `ServerReflectionResponse` to a request.
   *
   * @throws {CallError} INVALID_ARGUMENT for a text that is too long to repeat
   */
  answer(request: ServerReflectionRequest): Uint8Array {
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

  #find(asked: ServerReflectionRequest["messageRequest"]): Answer {
    switch (asked.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: {
            service: this.#services.map(({ typeName }) => ({ name: typeName })),
          },
        };
      case "fileByFilename":
        return fileAnswer(
          this.#index.fileNamed(asked.value),
          `file ${asked.value}`,
        );
      case "fileContainingSymbol":
        return fileAnswer(
          this.#index.fileDeclaring(asked.value),
          `symbol ${asked.value}`,
        );
      case "allExtensionNumbersOfType":
        if (!this.#index.isMessage(asked.value)) {
          return notFound(`message ${asked.value}`);
        }
        return {
          case: "allExtensionNumbersResponse",
          value: { baseTypeName: asked.value },
        };
      case "fileContainingExtension":
        return notFound(
          `extension ${asked.value.extensionNumber} of ${asked.value.containingType}`,
        );
      case undefined:
        return {
          case: "errorResponse",
          value: {
            errorCode: Code.INVALID_ARGUMENT,
            errorMessage: "The request asks for nothing that is known here",
          },
        };
    }
  }
}

/** What the service is made of. */
export interface ReflectionParts {
  readonly reflection: Reflection;
  readonly calls: OpenCalls;
  readonly log: Log;
}

async function serve(
  { reflection, calls, log }: ReflectionParts,
  call: DuplexCall<ServerReflectionRequest>,
): Promise<void> {
  async function* answers(): AsyncGenerator<Bodies, void> {
    // Plain iteration destroys a duplex stream once its readable half has
    // ended, and a destroyed call cannot send its status any more.
    const requests: AsyncIterable<UnreadRequest<ServerReflectionRequest>> = call
      .iterator({ destroyOnReturn: false });
    for await (const request of requests) {
      yield [reflection.answer(request.take())];
    }
  }
  let signal: AbortSignal;
  try {
    signal = calls.admit(call);
  } catch (error) {
    return endCall(call, error);
  }
  // Waiting for a request does not hear the signal, so it ends the call itself.
  signal.addEventListener("abort", () => endCall(call, signal.reason), {
    once: true,
  });
  try {
    accept(call);
    await pump(call, answers(), { signal });
    // No live data is lost when a client has no more questions, so this is OK.
    if (!signal.aborted) call.end();
  } catch (error) {
    // A call that is over breaks off the iteration of its requests.
    if (signal.aborted || error instanceof ClientGone) return;
    if (!(error instanceof CallError)) {
      log.error("A reflection stream failed", { cause: error });
    }
    endCall(call, error);
  }
}

/** Handlers of the reflection service. */
export function reflectionHandlers(
  parts: ReflectionParts,
): Handlers<typeof ServerReflection> {
  return { serverReflectionInfo: (call) => void serve(parts, call) };
}
