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
import { UsageError } from "./flags.ts";
import { Http2Connection, type KeepAlive } from "./http2_connection.ts";

/** Address of a proxy's gRPC port. */
export interface ProxyAddress {
  /** Host name, IPv4, or IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** The default port of the proxy. */
export const DEFAULT_GRPC_PORT = 50052;

const ACCEPTED = "an address is host:port, host, http://host:port or https://host:port";

/**
 * Reads `localhost:50052`, `[::1]:50052`, `http://host:50052` or
 * `https://host` (TLS).
 *
 * @param source where it was set, for the message: `--address`
 * @throws {UsageError} when it is none of these
 */
export function parseAddress(text: string, source: string): ProxyAddress {
  const invalid = () => new UsageError(`${source} ${text}`, ACCEPTED);
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z._-]+)(?::(\d{1,5}))?\/?$/
    .exec(text);
  const host = match?.[2];
  if (host === undefined) throw invalid();
  const tls = match?.[1] === "https";
  const port = match?.[3] === undefined ? tls ? 443 : DEFAULT_GRPC_PORT : Number(match[3]);
  if (port < 1 || port > 65_535) throw invalid();
  return { host, port, tls };
}

/** The address as text: `localhost:50052`. */
export function addressText(address: ProxyAddress): string {
  return `${address.host}:${address.port}`;
}

/** Messages that are queued before the socket is no longer read. */
const MAX_QUEUED = 4096;

/** Deadline of unary calls. */
const UNARY_TIMEOUT_MS = 5_000;

/** A call that ended with a status other than OK. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  /** Name of the gRPC status: `UNAVAILABLE`. */
  readonly code: string;
  /** The message of the status. */
  readonly details: string;
  /** What is wrong with the request, one text for each field or limit. */
  readonly violations: readonly string[];

  constructor(code: string, details: string, cause?: unknown) {
    super(details === "" ? code : `${code}: ${details}`, { cause });
    this.code = code;
    this.details = details;
    this.violations = cause instanceof ConnectError ? violationsOf(cause) : [];
  }
}

/** Options of a streaming call. */
export interface StreamOptions {
  /** Ends the stream; the iteration then returns. */
  readonly signal?: AbortSignal;
  /** Called once, when the proxy has accepted the stream. */
  readonly onOpen?: () => void;
}

/** One connection to a proxy; `using` closes it. */
export class ProxyClient implements Disposable {
  readonly #connection: Http2Connection;
  readonly #transport: ReturnType<typeof createGrpcTransport>;

  constructor(address: ProxyAddress, keepAlive: KeepAlive = {}) {
    const baseUrl = `${address.tls ? "https" : "http"}://${addressText(address)}`;
    this.#connection = new Http2Connection(baseUrl, keepAlive);
    this.#transport = createGrpcTransport({ baseUrl, sessionManager: this.#connection });
  }

  /** Opens a stream of any of the six streaming methods, batch by batch. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    { signal, onOpen }: StreamOptions = {},
  ): AsyncGenerator<readonly MessageShape<O>[], void> {
    if (signal?.aborted) return;
    const left = new AbortController();
    const either = signal ? [signal, left.signal] : [left.signal];
    const ended = AbortSignal.any(either);
    const queue = new ReceiveQueue<MessageShape<O>>();
    let opened = false;
    const reading = queue.fill(async () => {
      const { message } = await this.#transport.stream(
        method,
        ended,
        undefined,
        undefined,
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
      throw opened ? streamErrorOf(error) : rpcErrorOf(error);
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
        undefined,
        request,
      );
      return message;
    } catch (error) {
      throw rpcErrorOf(error);
    }
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
  #arrival = Promise.withResolvers<void>();
  #space = Promise.withResolvers<void>();
  #dropped = false;

  /** Adds the messages of a call; never rejects. */
  async fill(call: () => Promise<AsyncIterable<T>>): Promise<void> {
    try {
      for await (const message of await call()) {
        this.#arrival.resolve();
        if (this.#messages.push(message) < MAX_QUEUED) continue;
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
      this.#arrival = Promise.withResolvers();
    }
    const batch = this.#messages;
    this.#messages = [];
    this.#space.resolve();
    this.#space = Promise.withResolvers();
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

function rpcErrorOf(error: unknown): RpcError {
  const { code, rawMessage } = ConnectError.from(error);
  return new RpcError(statusName(code), rawMessage, error);
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
  return broken ? new RpcError("UNAVAILABLE", rawMessage, error) : rpcErrorOf(error);
}

/** The name of a status as gRPC spells it. */
function statusName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
