/**
 * Calls of gRPC over HTTP/2.
 *
 * A call is one stream. Its requests and messages are frames, its headers are sent before the first
 * message, and its status is sent as trailers; a call that is refused has a single block of headers
 * with its status. One object has all of the state, because a client can have thousands of calls
 * that are idle.
 *
 * @module
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Clock } from "../../application/ports/clock.ts";
import type { Identity } from "../../domain/access/grants.ts";
import type { DuplexCall, StreamCall } from "./call.ts";
import { CallError, type CallStatus, ClientGone, DETAILS_TRAILER, toStatus } from "./call_error.ts";
import { type EncodedMessages, frame } from "./framed_batch.ts";
import type { ServerStream } from "./http2_workarounds/server_stream.ts";
import { contentOf, MessageDecoder } from "./message_decoder.ts";
import { RequestHolder } from "./request_holder.ts";
import { Code } from "./status_code.ts";

/** Headers of every response. */
const RESPONSE = { ":status": 200, "content-type": "application/grpc" } as const;
/** Headers of a response with messages. */
const ENCODINGS = {
  "grpc-accept-encoding": "identity,deflate,gzip",
  "grpc-encoding": "identity",
} as const;
const OK: CallStatus = { code: Code.OK, message: "OK", details: undefined };

const TIMEOUT = /(\d{1,8})\s*([HMSmun])/;
/** Ms of the units of timeouts. */
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000001,
};

/** What is known of a call before its request is read. */
interface CallParts<I> {
  readonly stream: ServerStream;
  readonly headers: IncomingHttpHeaders;
  /** Address and port of the client. */
  readonly peer: string;
  readonly identity: Identity;
  /** Bytes of the largest request. */
  readonly maxRequestBytes: number;
  /** Decodes a request; throws when it is invalid. */
  readonly decode: (bytes: Uint8Array) => I;
}

/** A call of a client. */
export class Http2Call<I = unknown> implements StreamCall<I>, DuplexCall<I> {
  readonly peer: string;
  readonly path: string;
  readonly identity: Identity;
  readonly userAgent: string | undefined;
  readonly #stream: ServerStream;
  /** Reads the requests; undefined once they were read. */
  #reading: CallParts<I> | undefined;
  #request: RequestHolder<I> | undefined;
  /** Called when the call is over. */
  #onOver: (() => void) | undefined;
  #isOver = false;
  /** Whether headers were sent. */
  #isAnswered = false;
  /** Whether the status was sent, or will be after what was written. */
  #isEnded = false;

  constructor(parts: CallParts<I>) {
    const { stream, headers, peer, identity } = parts;
    this.peer = peer;
    this.path = headers[":path"] ?? "";
    this.identity = identity;
    this.userAgent = headers["user-agent"];
    this.#stream = stream;
    this.#reading = parts;
    stream.onClosed(() => this.#finish());
  }

  /** The request of a call with one, after {@linkcode Http2Call.read}. */
  get request(): RequestHolder<I> {
    return this.#request as RequestHolder<I>;
  }

  get requests(): AsyncIterable<RequestHolder<I>> {
    return this.#readAll();
  }

  once(_event: "cancelled", listener: () => void): void {
    if (this.#isOver) return listener();
    const others = this.#onOver;
    this.#onOver = others === undefined ? listener : () => {
      others();
      listener();
    };
  }

  /**
   * Ends the call at the deadline that its client has set.
   *
   * @throws {CallError} when it is invalid
   */
  startDeadline(clock: Pick<Clock, "sleep">): void {
    const { headers } = this.#reading as CallParts<I>;
    const header = headers["grpc-timeout"];
    if (header === undefined) return;
    const [, value, unit = ""] = TIMEOUT.exec(String(header)) ?? [];
    if (value === undefined) {
      throw new CallError(Code.INTERNAL, `Invalid grpc-timeout value "${header}"`);
    }
    void this.#endAfter(Math.trunc(Number(value) * (UNIT_MS[unit] ?? 0)), clock);
  }

  /**
   * Reads the request of a call with one.
   *
   * @throws {CallError} when there is none, a second one, or when it is invalid
   */
  async read(): Promise<void> {
    const parts = this.#reading as CallParts<I>;
    this.#reading = undefined;
    const message = await onlyMessage(parts.stream, parts.maxRequestBytes, this.path);
    this.#request = await decodeWith(parts, message);
    if (this.#isOver) throw new ClientGone();
  }

  sendHeaders(): void {
    const stream = this.#stream;
    if (this.#isAnswered || this.#isClosed) return;
    this.#isAnswered = true;
    stream.respond({ ...RESPONSE, ...ENCODINGS }, { waitForTrailers: true });
  }

  write(messages: EncodedMessages, onWritten: () => void): void {
    this.sendHeaders();
    if (this.#isEnded || this.#isClosed) return;
    this.#stream.write(frame(messages), onWritten);
  }

  end(reason?: unknown): void {
    if (reason instanceof ClientGone || this.#isEnded || this.#isClosed) return;
    this.#isEnded = true;
    const stream = this.#stream;
    const trailers = trailersOf(reason === undefined ? OK : toStatus(reason));
    if (!this.#isAnswered) {
      const { [DETAILS_TRAILER]: details, ...status } = trailers;
      const headers = { ...status, ...RESPONSE, ...(details && { [DETAILS_TRAILER]: details }) };
      stream.respond(headers, { endStream: true });
      this.#finish();
      return;
    }
    stream.http2.once("wantTrailers", () => {
      stream.http2.sendTrailers(trailers);
      this.#finish();
    });
    stream.end();
  }

  /** Whether nothing can be sent: the stream is closed, or a limit has answered it. */
  get #isClosed(): boolean {
    const { isClosed, isAnswered } = this.#stream;
    return isClosed || isAnswered !== this.#isAnswered;
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reading = this.#request = undefined;
    const onOver = this.#onOver;
    this.#onOver = undefined;
    onOver?.();
    // What the client may still send is dropped.
    this.#stream.http2.resume();
  }

  async #endAfter(ms: number, clock: Pick<Clock, "sleep">): Promise<void> {
    const over = new AbortController();
    this.once("cancelled", () => over.abort());
    await clock.sleep(ms, over.signal);
    this.end(new CallError(Code.DEADLINE_EXCEEDED, "Deadline exceeded"));
  }

  async *#readAll(): AsyncGenerator<RequestHolder<I>, void> {
    const parts = this.#reading as CallParts<I>;
    const { stream, maxRequestBytes } = parts;
    const decoder = new MessageDecoder(maxRequestBytes);
    // Without this option, the end of the requests destroys the stream, which has to send a status.
    const chunks = stream.http2.iterator({ destroyOnReturn: false });
    try {
      for await (const chunk of chunks) {
        for (const message of decoder.push(chunk)) yield await decodeWith(parts, message);
      }
    } catch (error) {
      throw this.#isOver || stream.isClosed ? new ClientGone() : error;
    }
  }
}

const ignore = () => {};

/** A message as it was sent. */
type FramedMessage = ReturnType<MessageDecoder["push"]>[number];

/** Decodes a request. */
async function decodeWith<I>(
  { headers, maxRequestBytes, decode }: CallParts<I>,
  message: FramedMessage,
): Promise<RequestHolder<I>> {
  const encoding = String(headers["grpc-encoding"] ?? "identity");
  const bytes = await contentOf(message, { encoding, maxBytes: maxRequestBytes });
  try {
    return new RequestHolder(decode(bytes));
  } catch {
    throw new CallError(Code.INTERNAL, "Error deserializing request");
  }
}

/** Reads a request of one message. */
function onlyMessage(
  { http2 }: ServerStream,
  maxBytes: number,
  path: string,
): Promise<FramedMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<FramedMessage>();
  const decoder = new MessageDecoder(maxBytes);
  let message: FramedMessage | undefined;
  const fail = (what: string) => {
    const text = `Received ${what} request message for server streaming method ${path}`;
    reject(new CallError(Code.UNIMPLEMENTED, text));
  };
  const stop = () => {
    http2.off("data", onData);
    http2.off("end", onEnd);
  };
  const onData = (chunk: Uint8Array) => {
    try {
      for (const next of decoder.push(chunk)) {
        if (message) fail("a second");
        message = next;
      }
    } catch (error) {
      stop();
      reject(error);
    }
  };
  const onEnd = () => {
    stop();
    if (message) resolve(message);
    else fail("no");
  };
  // Without this one, removing the other makes V8 keep all listeners in a hash table of 832 bytes.
  http2.on("data", ignore);
  http2.on("data", onData);
  http2.on("end", onEnd);
  return promise;
}

/** The trailers of a status. */
function trailersOf({ code, message, details }: CallStatus): OutgoingHttpHeaders {
  return {
    "grpc-status": code,
    "grpc-message": encodeURI(message.toWellFormed()),
    ...(details && { [DETAILS_TRAILER]: details.toBase64() }),
  };
}

/** Answers a call of a method that is not served. */
export function endUnknown(stream: ServerStream, path: string): void {
  stream.respond({
    "grpc-status": Code.UNIMPLEMENTED,
    "grpc-message": `The server does not implement the method ${path}`,
    ...RESPONSE,
  }, { endStream: true });
}
