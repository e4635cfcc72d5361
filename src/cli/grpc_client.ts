/**
 * A client of `cream.v1.StreamProxyService`.
 *
 * A stream is an async iterable of batches: what arrived since the last look,
 * oldest first, never empty. It ends when its signal fires, and throws an
 * `RpcError` when the other side ends it with anything but OK. While the
 * reader is behind by `MAX_WAITING` messages the socket is left unread, so
 * that HTTP/2 tells the proxy who the slow one is; nothing piles up here.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type ClientReadableStream,
  credentials,
  makeGenericClientConstructor,
  type ServiceError,
  status as grpcStatus,
} from "@grpc/grpc-js";
import { addressText, type ProxyAddress } from "./address.ts";

/** Messages that may wait for the reader before the socket is left unread. */
const MAX_WAITING = 4096;

/** Long enough for a slow machine, short enough for a person. */
const UNARY_TIMEOUT_MS = 5_000;

const CHANNEL_OPTIONS = {
  // A dead peer is noticed within 40 s, also on a stream that is silent.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 0,
  "grpc.enable_retries": 0,
  // Who calls decides when to try again, with a client of its own.
  "grpc.initial_reconnect_backoff_ms": 60_000,
  // One socket per client object: commands that come and go share nothing.
  "grpc.use_local_subchannel_pool": 1,
  // A web proxy does not lead to a service of one's own network.
  "grpc.enable_http_proxy": 0,
};

/** How a call ended when it did not end well. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  /** Name of the gRPC status: `UNAVAILABLE`. */
  readonly code: string;
  /** What the other side said. */
  readonly details: string;

  constructor(code: string, details: string, cause?: unknown) {
    super(details === "" ? code : `${code}: ${details}`, { cause });
    this.code = code;
    this.details = details;
  }
}

/** What a streaming call may be told. */
export interface StreamOptions {
  /** Ends the stream; the iteration then returns. */
  readonly signal?: AbortSignal;
  /** Called once, when the proxy has accepted the stream. */
  readonly onOpen?: () => void;
}

const GenericClient = makeGenericClientConstructor({}, "StreamProxyService");

/** One connection to a proxy; `using` closes it. */
export class ProxyClient implements Disposable {
  readonly #client: InstanceType<typeof GenericClient>;

  constructor(address: ProxyAddress) {
    this.#client = new GenericClient(
      addressText(address),
      address.tls ? credentials.createSsl() : credentials.createInsecure(),
      CHANNEL_OPTIONS,
    );
  }

  /** Opens a stream of any of the six streaming methods, batch by batch. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: StreamOptions = {},
  ): AsyncGenerator<readonly MessageShape<O>[], void> {
    if (options.signal?.aborted) return;
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      (message: MessageShape<I>) => bytesOf(method.input, message),
      (bytes) => fromBinary(method.output, bytes),
      create(method.input, request),
    );
    if (options.onOpen) call.once("metadata", options.onOpen);
    yield* batches<MessageShape<O>>(call, options.signal);
  }

  /** Makes a unary call; it fails with DEADLINE_EXCEEDED after five seconds. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    signal?: AbortSignal,
  ): Promise<MessageShape<O>> {
    const { promise, resolve, reject } = Promise.withResolvers<
      MessageShape<O>
    >();
    const call = this.#client.makeUnaryRequest(
      pathOf(method),
      (message: MessageShape<I>) => bytesOf(method.input, message),
      (bytes) => fromBinary(method.output, bytes),
      create(method.input, request),
      { deadline: Date.now() + UNARY_TIMEOUT_MS },
      (error, answer) => {
        signal?.removeEventListener("abort", cancel);
        if (error || answer === undefined) reject(rpcErrorOf(error));
        else resolve(answer);
      },
    );
    const cancel = () => call.cancel();
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel);
    return promise;
  }

  /** Closes the connection and ends what runs on it. */
  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** grpc-js asks for a Buffer by type and is content with its bytes. */
function bytesOf<S extends DescMessage>(
  schema: S,
  message: MessageShape<S>,
): Buffer {
  const bytes = toBinary(schema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The contract at the top of this file, for one call. */
async function* batches<T>(
  call: ClientReadableStream<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly T[], void> {
  let waiting: T[] = [];
  let ended = false;
  let failure: ServiceError | undefined;
  let arrival = Promise.withResolvers<void>();
  const wake = () => arrival.resolve();
  call.on("data", (message: T) => {
    if (waiting.push(message) >= MAX_WAITING) call.pause();
    wake();
  });
  call.on("error", (error: ServiceError) => failure = error);
  call.on("end", () => {
    ended = true;
    wake();
  });
  signal?.addEventListener("abort", wake);
  try {
    while (!signal?.aborted) {
      if (waiting.length > 0) {
        const batch = waiting;
        waiting = [];
        call.resume();
        yield batch;
      } else if (ended) {
        if (failure) throw rpcErrorOf(failure);
        return;
      } else {
        await arrival.promise;
        arrival = Promise.withResolvers();
      }
    }
  } finally {
    signal?.removeEventListener("abort", wake);
    call.cancel();
  }
}

function rpcErrorOf(error: ServiceError | null): RpcError {
  if (error === null) return new RpcError("INTERNAL", "no answer");
  const name = grpcStatus[error.code] ?? `status ${error.code}`;
  return new RpcError(name, error.details, error);
}
