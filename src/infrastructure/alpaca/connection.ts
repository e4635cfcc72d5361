/**
 * A WebSocket connection to Alpaca.
 *
 * Frames go to one handler, in order. The client is `ws` and not the built-in
 * `WebSocket` because `ws` supports pause and resume (see `read_throttle.ts`) and
 * reports the HTTP status of a failed upgrade with its `Retry-After`; the
 * built-in one of Deno 2.9.6 does neither, and delivers frames without serving
 * other sockets as long as there are bytes. `ws` answers pings by itself.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { ClientRequest } from "node:http";
import { WebSocket } from "ws";
import type { Clock } from "../../application/ports/clock.ts";
import { FeedFailure } from "../../application/feeds/feed_failure.ts";
import { parseRetryAfter } from "../../domain/connection/retry_after.ts";
import { ReadThrottle } from "./read_throttle.ts";

/** How long to wait for the peer's reply to a close frame. */
const CLOSE_TIMEOUT_MS = 2_000;
const NORMAL_CLOSURE = 1000;
const TOO_MANY_REQUESTS = 429;

/**
 * Bytes of the largest message unless the protocol sets a lower limit. The
 * acknowledgement of every stock on three channels has about 300 kB, that of
 * 100,000 option contracts 2.4 MB. A larger message ends the connection with this
 * limit as the cause: `ws` stops reading. Parsed, 4 MiB of the worst JSON take
 * 150 MB of heap.
 */
export const MAX_MESSAGE_BYTES: number = 4 * 1024 * 1024;

/** Informational responses (HTTP 1xx) before the final one. */
const MAX_INFORMATIONAL = 16;

const CLIENT_OPTIONS = {
  // Without a limit, a server that sends nothing else fills 100 MB per second.
  finishRequest(request: ClientRequest): void {
    let count = 0;
    request.on("information", () => {
      if (++count <= MAX_INFORMATIONAL) return;
      request.destroy(new Error("too many informational responses"));
    });
    request.end();
  },
  // Not offered, so that a peer that compresses violates the protocol: a small
  // message cannot become a large one.
  perMessageDeflate: false,
  // Invalid UTF-8 costs its frame (in the decoder), not the session.
  skipUTF8Validation: true,
  // The socket is also destroyed after a close that is not awaited.
  closeTimeout: CLOSE_TIMEOUT_MS,
};

/** The bytes of one frame, text or binary. */
export type Frame = Uint8Array;

/** What a connection can send. */
export type Payload = string | Uint8Array<ArrayBuffer>;

/** Dependencies of a connection. */
export interface ConnectionOptions {
  readonly url: string;
  /** Headers of the upgrade request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly onFrame: (frame: Frame) => void;
  /** Called with what `onFrame` throws, which costs that frame only. */
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
  /** Deliveries since the process started; see `read_throttle.ts`. @default none */
  readonly deliveries?: (() => number) | undefined;
  /** For the connection to open. */
  readonly timeoutMs: number;
  /** Bytes of the largest message. @default MAX_MESSAGE_BYTES */
  readonly maxMessageBytes?: number | undefined;
  /** Aborts the attempt to connect. */
  readonly signal: AbortSignal;
}

/** A response to the upgrade request that is not the upgrade. */
interface Rejection {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
}

/** An open connection. */
export class Connection {
  /** Resolves with the reason once the socket has closed; never rejects. */
  readonly ended: Promise<FeedFailure>;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #opened = Promise.withResolvers<void>();
  #frames = 0;
  #lastFrameAt: number;
  #closed: Promise<void> | undefined;

  /**
   * Connects.
   *
   * @throws FeedFailure when the connection does not open in time; the message
   *   names the host and the HTTP status, if there is one
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    if (options.signal.aborted) throw aborted();
    const connection = new Connection(options);
    await connection.#open(options);
    return connection;
  }

  private constructor(options: ConnectionOptions) {
    const { url, headers, onFrame, onError, clock, deliveries } = options;
    const maxPayload = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
    const socket = new WebSocket(url, {
      ...CLIENT_OPTIONS,
      maxPayload,
      headers: { ...headers },
    });
    const throttle = new ReadThrottle(socket, { clock, deliveries });
    const ended = Promise.withResolvers<FeedFailure>();
    let socketError = "";
    let rejection: Rejection | undefined;
    this.ended = ended.promise;
    this.#socket = socket;
    this.#clock = clock;
    this.#lastFrameAt = clock.monotonic();
    socket.on("unexpected-response", (_request, response) => {
      const after = response.headers["retry-after"];
      rejection = {
        status: response.statusCode ?? 0,
        retryAfterMs: parseRetryAfter(after, clock.now()),
      };
      socket.terminate();
    });
    socket.onopen = () => this.#opened.resolve();
    socket.on("message", (data) => {
      this.#lastFrameAt = throttle.begin();
      this.#frames++;
      try {
        // `ws` delivers a single buffer, also for text, with its default options.
        onFrame(data as Buffer);
      } catch (error) {
        // Thrown into the emitter of `ws`, it would end the process.
        onError(error);
      }
      throttle.end();
    });
    socket.on("error", (error) => {
      socketError = textOf(error, maxPayload);
    });
    socket.onclose = (event) => {
      this.#opened.reject(
        rejection ? rejectionFailure(url, rejection) : connectFailure(url, socketError),
      );
      ended.resolve(closeFailure(event, socketError));
    };
  }

  /** Frames received so far. */
  get frames(): number {
    return this.#frames;
  }

  /** Monotonic ms of the last frame, or of the start. */
  get lastFrameAt(): number {
    return this.#lastFrameAt;
  }

  /** Sends a frame; does nothing once the socket has closed. */
  send(data: Payload): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(data);
  }

  /**
   * Closes with code 1000. Resolves when the peer has replied, or after two
   * seconds. No further frame is delivered. Idempotent.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #open(options: ConnectionOptions): Promise<void> {
    const { url, clock, timeoutMs, signal } = options;
    const done = new AbortController();
    const deadline = clock.sleep(
      timeoutMs,
      AbortSignal.any([done.signal, signal]),
    ).then(() => {
      if (done.signal.aborted) return;
      throw signal.aborted ? aborted() : new FeedFailure(
        `No connection to ${addressOf(url)} within ${timeoutMs} ms`,
        { errorType: "timeout" },
      );
    });
    try {
      await Promise.race([this.#opened.promise, deadline]);
    } catch (error) {
      this.#opened.promise.catch(() => {});
      // The socket may have opened in the meantime.
      this.#socket.removeAllListeners("message");
      this.#socket.close(NORMAL_CLOSURE);
      throw error;
    } finally {
      done.abort();
    }
  }

  async #close(): Promise<void> {
    const socket = this.#socket;
    // A peer that ignores the close frame may continue to send, beside the
    // session that replaces this one.
    socket.removeAllListeners("message");
    if (socket.readyState === WebSocket.CLOSED) return;
    if (socket.readyState === WebSocket.OPEN) socket.close(NORMAL_CLOSURE);
    const done = new AbortController();
    const timeout = this.#clock.sleep(CLOSE_TIMEOUT_MS, done.signal);
    await Promise.race([this.ended, timeout]);
    done.abort();
    socket.terminate();
  }
}

function aborted(): FeedFailure {
  return new FeedFailure("Connection attempt aborted", { errorType: "closed" });
}

function rejectionFailure(url: string, rejection: Rejection): FeedFailure {
  const { status, retryAfterMs } = rejection;
  return new FeedFailure(
    `Cannot connect to ${addressOf(url)}: HTTP ${status}`,
    {
      errorType: status === TOO_MANY_REQUESTS ? "rate_limited" : "dial",
      retryAfterMs,
    },
  );
}

function connectFailure(url: string, socketError: string): FeedFailure {
  const cause = socketError || "unknown error";
  return new FeedFailure(`Cannot connect to ${addressOf(url)}: ${cause}`, {
    errorType: "dial",
  });
}

function closeFailure(
  event: { readonly code: number; readonly reason: string },
  socketError: string,
): FeedFailure {
  const reason = event.reason || socketError;
  return new FeedFailure(
    `Connection closed with code ${event.code}${reason ? `: ${reason}` : ""}`,
    { errorType: "closed" },
  );
}

/** The message of `ws`, replaced where it does not name the limit. */
function textOf(
  error: Error & { readonly code?: string },
  maxPayload: number,
): string {
  return error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH"
    ? `a message is larger than ${maxPayload} bytes`
    : error.message;
}

/** Host and path; a query could contain a token. */
function addressOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}
