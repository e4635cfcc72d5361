/**
 * A client of `cream.v1.StreamProxyService`.
 *
 * A stream is an async iterable of batches: the messages since the last batch,
 * oldest first, never empty. It ends when its signal fires, and throws an
 * `RpcError` when the server ends it with a status other than OK. While
 * `MAX_QUEUED` messages are queued the socket is not read, so that HTTP/2 flow
 * control limits the queue and the proxy detects the slow client.
 *
 * @module
 */
import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { BadRequestSchema, QuotaFailureSchema } from "../src/gen/google/rpc/error_details_pb.ts";
import { addressText, type ProxyAddress } from "./address.ts";
import { callHeaders, type Credentials } from "./credentials.ts";
import { deferred } from "./deferred.ts";
import { Http2Connection, type KeepAlive } from "./http2_connection.ts";

const MAX_QUEUED = 4096;

/** Deadline of unary calls. */
const UNARY_TIMEOUT_MS = 5_000;

/** Thrown when a call ends with a status other than OK. */
export class RpcError extends Error {
  /** Name of the class. */
  override readonly name = "RpcError";
  /** Name of the gRPC status: `UNAVAILABLE`. */
  readonly code: string;
  /** The message of the status. */
  readonly details: string;
  /** What is wrong with the request, one text for each field or limit. */
  readonly violations: readonly string[];
  /** Whether the proxy had accepted the stream before it ended. */
  readonly accepted: boolean;

  /**
   * Creates an error.
   *
   * @param code name of the gRPC status
   * @param details message of the status
   * @param options the error that the gRPC library reported; whether the stream was accepted
   */
  constructor(
    code: string,
    details: string,
    { cause, accepted = false }: { readonly cause?: unknown; readonly accepted?: boolean } = {},
  ) {
    super(details === "" ? code : `${code}: ${details}`, { cause });
    this.code = code;
    this.details = details;
    this.accepted = accepted;
    this.violations = cause instanceof ConnectError ? violationsOf(cause) : [];
  }
}

/** Options of a streaming call. */
export interface CallOptions {
  /** Ends the stream; the iteration then returns. */
  readonly signal?: AbortSignal;
  /**
   * Messages that are queued before the socket is no longer read.
   *
   * @default 4096
   */
  readonly maxQueued?: number;
  /** Called once, when the proxy has accepted the stream. */
  readonly onOpen?: () => void;
}

/** One connection to a proxy; `using` closes it. */
export class RpcClient implements Disposable {
  readonly #connection: Http2Connection;
  readonly #credentials: Credentials;
  readonly #transport: ReturnType<typeof createGrpcTransport>;

  constructor(
    address: ProxyAddress,
    keepAlive: KeepAlive = {},
    credentials: Credentials = {},
  ) {
    const baseUrl = `${address.tls ? "https" : "http"}://${addressText(address)}`;
    this.#credentials = credentials;
    this.#connection = new Http2Connection(baseUrl, keepAlive, credentials.tls);
    this.#transport = createGrpcTransport({ baseUrl, sessionManager: this.#connection });
  }

  /** Opens a stream of any streaming method, batch by batch. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    { signal, onOpen, maxQueued = MAX_QUEUED }: CallOptions = {},
  ): AsyncGenerator<readonly MessageShape<O>[], void> {
    if (signal?.aborted) return;
    const left = new AbortController();
    const either = signal ? [signal, left.signal] : [left.signal];
    const ended = AbortSignal.any(either);
    const queue = new ReceiveQueue<MessageShape<O>>(maxQueued);
    let opened = false;
    const reading = queue.fill(async () => {
      const { message } = await this.#transport.stream(
        method,
        ended,
        undefined,
        await callHeaders(this.#credentials),
        only(request),
      );
      opened = true;
      onOpen?.();
      return message;
    });
    try {
      for (;;) {
        const batch = await queue.take();
        if (batch === undefined || signal?.aborted) return;
        yield batch;
      }
    } catch (error) {
      if (signal?.aborted) return;
      throw opened ? streamErrorOf(error) : rpcErrorOf(error, false);
    } finally {
      left.abort();
      queue.drop();
      await reading;
    }
  }

  /** Makes a unary call; it fails with DEADLINE_EXCEEDED after five seconds. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    signal?: AbortSignal,
  ): Promise<MessageShape<O>> {
    try {
      const { message } = await this.#transport.unary(
        method,
        signal,
        UNARY_TIMEOUT_MS,
        await callHeaders(this.#credentials),
        request,
      );
      return message;
    } catch (error) {
      throw rpcErrorOf(error, false);
    }
  }

  /** Makes the next call open a new connection; calls in progress keep theirs. */
  renew(): void {
    this.#connection.renew();
  }

  /** Closes the connection and ends what runs on it. */
  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }
}

/** A bounded queue of received messages. */
class ReceiveQueue<T> {
  #messages: T[] = [];
  #end: { readonly error?: unknown } | undefined;
  #arrival = deferred<void>();
  #space = deferred<void>();
  #dropped = false;
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Adds the messages of a call; never rejects. */
  async fill(call: () => Promise<AsyncIterable<T>>): Promise<void> {
    try {
      for await (const message of await call()) {
        this.#arrival.resolve();
        if (this.#messages.push(message) < this.#capacity) continue;
        await this.#space.promise;
        if (this.#dropped) break;
      }
      this.#end = {};
    } catch (error) {
      this.#end = { error };
    }
    this.#arrival.resolve();
  }

  /** Takes all messages, waits for the first; undefined at the end. */
  async take(): Promise<readonly T[] | undefined> {
    while (this.#messages.length === 0) {
      if (this.#end && "error" in this.#end) throw this.#end.error;
      if (this.#end) return undefined;
      await this.#arrival.promise;
      this.#arrival = deferred();
    }
    const batch = this.#messages;
    this.#messages = [];
    this.#space.resolve();
    this.#space = deferred();
    return batch;
  }

  /** Ends a call that waits for space. */
  drop(): void {
    this.#dropped = true;
    this.#space.resolve();
  }
}

async function* only<T>(one: T): AsyncGenerator<T, void> {
  yield one;
}

function violationsOf(error: ConnectError): string[] {
  const fields = error.findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations)
    .map(({ field, description }) => `${field}: ${description}`);
  const limits = error.findDetails(QuotaFailureSchema)
    .flatMap(({ violations }) => violations)
    .map(({ subject, description }) => `${subject}: ${description}`);
  return [...fields, ...limits];
}

function rpcErrorOf(error: unknown, accepted: boolean): RpcError {
  const { code, rawMessage } = ConnectError.from(error);
  return new RpcError(statusName(code), rawMessage, { cause: error, accepted });
}

/**
 * Reports a stream that broke off as UNAVAILABLE. connect-es 2.2.0 reports it
 * as InvalidArgument ("protocol error: incomplete envelope") when the break
 * falls inside a message, as if the request were wrong. The test "a stream that
 * breaks inside a message is UNAVAILABLE" covers it.
 */
function streamErrorOf(error: unknown): RpcError {
  const { code, rawMessage, isWireError } = ConnectError.from(error);
  const broken = code === Code.InvalidArgument && !isWireError;
  return broken
    ? new RpcError("UNAVAILABLE", rawMessage, { cause: error, accepted: true })
    : rpcErrorOf(error, true);
}

/** The name of a status as gRPC spells it. */
function statusName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
