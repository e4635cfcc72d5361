/**
 * Sessions with Alpaca over a WebSocket: dial, log in, send requests, close.
 *
 * The client is `ws` and not the built-in `WebSocket` because `ws` supports pause and resume (see
 * `read_throttle.ts`) and reports the HTTP status of a failed upgrade with its `Retry-After`; the
 * built-in one of Deno 2.9.6 does neither, and delivers frames without serving other sockets as
 * long as there are bytes. `ws` answers pings by itself.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { ClientRequest } from "node:http";
import { WebSocket } from "ws";
import {
  type CertificateProblem,
  certificateProblem,
} from "../../domain/connection/certificate.ts";
import { FeedFailure } from "../../domain/connection/failure.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { ConnectOptions, FeedSession } from "../../application/ports/feed_connector.ts";
import { ReadThrottle } from "../../application/timing/read_throttle.ts";
import { parseRetryAfter } from "../../domain/connection/backoff.ts";
import type { SubscriptionRequest } from "../../domain/subscription/pairs.ts";
import { isTunneled, TunnelAgent, type UpstreamProxy } from "./tunnel_agent.ts";

/** How long to wait for the peer's reply to a close frame. */
const CLOSE_TIMEOUT_MS = 2_000;
/** The same, once another process may open a session: enough to send the close frame. */
const REVOKED_CLOSE_MS = 50;
const NORMAL_CLOSURE = 1000;
const TOO_MANY_REQUESTS = 429;

/**
 * Bytes of the largest message unless the stream sets a lower limit. The acknowledgement of every
 * stock on three channels has about 300 kB, that of 100,000 option contracts 2.4 MB. A larger
 * message ends the connection with this limit as the cause: `ws` stops reading. Parsed, 4 MiB of
 * the worst JSON take 150 MB of heap.
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
  // Not offered, so that a peer that compresses violates the protocol: a small message cannot
  // become a large one.
  perMessageDeflate: false,
  // Invalid UTF-8 costs its frame (in the decoder), not the session.
  skipUTF8Validation: true,
  // The socket is also destroyed after a close that is not awaited.
  closeTimeout: CLOSE_TIMEOUT_MS,
};

/** The bytes of one frame, text or binary. */
export type Frame = Uint8Array;

/** What a session can send. */
export type Payload = string | Uint8Array<ArrayBuffer>;

/** Deadlines of the steps of a session, in ms. */
export interface SessionDeadlines {
  readonly dialMs: number;
  /** For each reply of the login. */
  readonly replyMs: number;
}

/** Ten seconds each, the time that Alpaca gives a client to log in. */
export const SESSION_DEADLINES: SessionDeadlines = { dialMs: 10_000, replyMs: 10_000 };

/** What the sessions of a stream have in common; `R` is a message about the session. */
interface SessionOptions<R> {
  readonly url: string;
  /** The HTTP proxy between this program and Alpaca. @default none */
  readonly proxy?: UpstreamProxy | undefined;
  /** Headers of the upgrade request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of the largest message. @default MAX_MESSAGE_BYTES */
  readonly maxMessageBytes?: number;
  readonly decoder: {
    /** Publishes the data of a frame and passes its replies on, in order; never throws. */
    receive(frame: Frame, onReply: (reply: R) => void): void;
    /** Counts and logs that handling a reply failed; never throws. */
    fail(error: unknown): void;
  };
  readonly clock: Clock;
  readonly deadlines: SessionDeadlines;
  /** Fires when another process may open a session, so that this one ends now. @default never */
  readonly revoked?: AbortSignal | undefined;
  /** Deliveries since the process started; see `read_throttle.ts`. @default none */
  readonly deliveries?: (() => number) | undefined;
}

/** An error of the socket, with its code in Node.js. */
type SocketError = Error & { readonly code?: string };

/** A response to the upgrade request that is not the upgrade. */
interface Rejection {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
}

/** A session, which each stream extends by its login, its requests and their replies. */
export abstract class Session<R> implements FeedSession {
  /** Resolves with the reason once the session has ended; never rejects. */
  readonly ended: Promise<FeedFailure>;
  frames = 0;
  lastFrameAt: number;
  /** Its `send` does nothing once the socket has closed. */
  protected readonly socket: WebSocket;
  protected readonly connectOptions: ConnectOptions;
  /** The replies of the login. */
  protected readonly loginReplies: ReplyQueue<R>;
  protected isLoggedIn = false;
  readonly #options: SessionOptions<R>;
  readonly #dialed = Promise.withResolvers<void>();
  readonly #socketEnded = Promise.withResolvers<FeedFailure>();
  readonly #failed = Promise.withResolvers<FeedFailure>();
  readonly #tunnel: TunnelAgent | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Starts to dial.
   *
   * @throws FeedFailure when the attempt is already aborted
   */
  constructor(options: SessionOptions<R>, connectOptions: ConnectOptions) {
    if (connectOptions.signal.aborted) throw aborted("Connection attempt");
    const { url, headers = {}, maxMessageBytes = MAX_MESSAGE_BYTES, clock, deliveries } = options;
    const { decoder, proxy } = options;
    this.#options = options;
    this.connectOptions = connectOptions;
    this.loginReplies = new ReplyQueue(clock);
    this.ended = Promise.race([this.#failed.promise, this.#socketEnded.promise]);
    this.lastFrameAt = clock.monotonic();
    this.#tunnel = proxy && isTunneled(url, proxy) ? new TunnelAgent(proxy.url) : undefined;
    const socket = new WebSocket(url, {
      ...CLIENT_OPTIONS,
      agent: this.#tunnel,
      maxPayload: maxMessageBytes,
      headers: { ...headers },
    });
    this.socket = socket;
    const throttle = new ReadThrottle(socket, { clock, deliveries, later: setTimeout });
    let socketError: SocketError | undefined;
    let rejection: Rejection | undefined;
    socket.on("unexpected-response", (_request, { statusCode = 0, headers }) => {
      const retryAfterMs = parseRetryAfter(headers["retry-after"], clock.now());
      rejection = { status: statusCode, retryAfterMs };
      socket.terminate();
    });
    socket.onopen = () => this.#dialed.resolve();
    socket.on("message", (data) => {
      this.lastFrameAt = throttle.begin();
      this.frames++;
      // `ws` delivers a single buffer, also for text, with its default options.
      decoder.receive(data as Buffer, this.onReply);
      throttle.end();
    });
    socket.on("error", (error) => {
      socketError = error;
    });
    socket.onclose = ({ code, reason }) => {
      const attempt = { url, rejection, error: socketError, tunnel: this.#tunnel };
      dialFailure(attempt).then(this.#dialed.reject);
      const cause = reason || (socketError ? textOf(socketError, maxMessageBytes) : "");
      const message = `Connection closed with code ${code}${cause && `: ${cause}`}`;
      this.#socketEnded.resolve(new FeedFailure(message, { errorType: "closed" }));
    };
    this.#endWhenRevoked();
  }

  /**
   * Waits for the connection and logs in.
   *
   * @throws FeedFailure; the connection is closed by then
   */
  async open(): Promise<this> {
    const { signal, onOpened } = this.connectOptions;
    await this.#waitForSocket();
    const abort = () => this.loginReplies.end(aborted("Login"));
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    this.ended.then((failure) => this.loginReplies.end(failure));
    try {
      onOpened();
      await this.logIn();
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
    this.isLoggedIn = true;
    // Those that arrived together with the last one of the login.
    for (const reply of this.loginReplies.drain()) {
      try {
        this.onReply(reply);
      } catch (error) {
        this.#options.decoder.fail(error);
      }
    }
    return this;
  }

  /** Logs in; throws `FeedFailure` when a reply is not the expected one. */
  protected abstract logIn(): Promise<void>;

  /** Adds a reply to those of the login; handles it once logged in. */
  protected abstract readonly onReply: (reply: R) => void;

  abstract request(request: SubscriptionRequest): void;

  /** Returns the next reply of the login; `expected` names it in the message of a timeout. */
  protected nextReply(expected: string): Promise<R> {
    return this.loginReplies.next(expected, this.#options.deadlines.replyMs);
  }

  fail(failure: FeedFailure): void {
    this.#failed.resolve(failure);
  }

  /**
   * Closes with code 1000. Resolves when the peer has replied, or after two seconds. No further
   * frame is delivered. Idempotent.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #waitForSocket(): Promise<void> {
    const { url, clock, deadlines: { dialMs } } = this.#options;
    const { signal } = this.connectOptions;
    const done = new AbortController();
    const deadline = clock.sleep(dialMs, AbortSignal.any([done.signal, signal])).then(() => {
      if (done.signal.aborted) return;
      throw signal.aborted ? aborted("Connection attempt") : new FeedFailure(
        `No connection to ${addressOf(url)} within ${dialMs} ms`,
        { errorType: "timeout" },
      );
    });
    try {
      await Promise.race([this.#dialed.promise, deadline]);
    } catch (error) {
      this.#dialed.promise.catch(() => {});
      // The socket may have opened in the meantime.
      this.socket.removeAllListeners("message");
      this.socket.close(NORMAL_CLOSURE);
      this.#tunnel?.destroy();
      throw error;
    } finally {
      done.abort();
    }
  }

  /** In every state of the connection, also while it is dialed or closed. */
  #endWhenRevoked(): void {
    const { revoked, clock } = this.#options;
    const { socket } = this;
    if (!revoked) return;
    const done = new AbortController();
    const end = async () => {
      if (socket.readyState === WebSocket.OPEN) socket.close(NORMAL_CLOSURE);
      if (socket.readyState === WebSocket.CLOSING) await clock.sleep(REVOKED_CLOSE_MS, done.signal);
      socket.terminate();
      this.#tunnel?.destroy();
    };
    revoked.addEventListener("abort", end, { once: true });
    void this.#socketEnded.promise.then(() => {
      revoked.removeEventListener("abort", end);
      done.abort();
    });
    if (revoked.aborted) void end();
  }

  async #close(): Promise<void> {
    const { socket } = this;
    // A peer that ignores the close frame may continue to send, beside the session that replaces
    // this one.
    socket.removeAllListeners("message");
    if (socket.readyState !== WebSocket.CLOSED) {
      if (socket.readyState === WebSocket.OPEN) socket.close(NORMAL_CLOSURE);
      const done = new AbortController();
      const timeout = this.#options.clock.sleep(CLOSE_TIMEOUT_MS, done.signal);
      await Promise.race([this.#socketEnded.promise, timeout]);
      done.abort();
      socket.terminate();
    }
    // A peer that does not reply to the close frame must not keep it open.
    const closed = new FeedFailure("Closed by the proxy", { errorType: "closed" });
    this.fail(await Promise.race([this.#socketEnded.promise, closed]));
  }
}

function aborted(step: string): FeedFailure {
  return new FeedFailure(`${step} aborted`, { errorType: "closed" });
}

/** A socket that did not open. */
interface FailedAttempt {
  readonly url: string;
  readonly rejection: Rejection | undefined;
  readonly error: SocketError | undefined;
  readonly tunnel: TunnelAgent | undefined;
}

async function dialFailure(attempt: FailedAttempt): Promise<FeedFailure> {
  const { url, rejection, error } = attempt;
  const text = `Cannot connect to ${addressOf(url)}`;
  if (rejection) {
    const { status, retryAfterMs } = rejection;
    const errorType = status === TOO_MANY_REQUESTS ? "rate_limited" : "dial";
    return new FeedFailure(`${text}: HTTP ${status}`, { errorType, retryAfterMs });
  }
  const problem = await findCertificateProblem(attempt);
  const cause = problem?.cause ?? error?.message ?? "unknown error";
  return new FeedFailure(`${text}: ${cause}`, { errorType: "dial", remedy: problem?.remedy });
}

/** Codes of node:tls for a rejected certificate. */
const CERTIFICATE_ERROR = /CERT|VERIFY/;

/**
 * Finds why a certificate was rejected. node:tls of Deno 2.9.6 reports an expired certificate as
 * `unable to verify the first certificate`; the handshake of `Deno.connectTls` has the reason.
 */
async function findCertificateProblem(
  { url, error, tunnel }: FailedAttempt,
): Promise<CertificateProblem | undefined> {
  if (!CERTIFICATE_ERROR.test(error?.code ?? "")) return undefined;
  const { hostname, port: text } = new URL(url);
  const port = Number(text || 443);
  try {
    if (tunnel) await tunnel.handshake(hostname, port);
    else {
      using connection = await Deno.connectTls({ hostname, port });
      await connection.handshake();
    }
    return undefined;
  } catch (error) {
    return certificateProblem(String(error));
  }
}

/** The message of `ws`, replaced where it does not name the limit. */
function textOf(error: SocketError, maxPayload: number): string {
  return error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH"
    ? `a message is larger than ${maxPayload} bytes`
    : error.message;
}

/** Host and path; a query could contain a token. */
function addressOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** Replies that wait for the login; more than these are dropped. */
const MAX_WAITING_REPLIES = 64;

/** The replies of a login, which sends a request and then waits for the next reply. */
export class ReplyQueue<R> {
  readonly #clock: Clock;
  readonly #replies: R[] = [];
  #arrival: PromiseWithResolvers<void> | undefined;
  #ended: FeedFailure | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds a reply. */
  readonly add = (reply: R): void => {
    if (this.#replies.length < MAX_WAITING_REPLIES) this.#replies.push(reply);
    this.#arrival?.resolve();
  };

  /** Ends the queue: no further reply will arrive. */
  end(failure: FeedFailure): void {
    this.#ended ??= failure;
    this.#arrival?.resolve();
  }

  /**
   * Returns the next reply.
   *
   * @param expected names the reply in the message of a timeout
   * @throws FeedFailure on timeout or when the queue has ended
   */
  async next(expected: string, timeoutMs: number): Promise<R> {
    const done = new AbortController();
    let isLate = false;
    const timeout = this.#clock.sleep(timeoutMs, done.signal).then(() => {
      isLate = !done.signal.aborted;
    });
    try {
      while (this.#replies.length === 0) {
        if (this.#ended) throw this.#ended;
        if (isLate) {
          throw new FeedFailure(`No ${expected} within ${timeoutMs} ms`, { errorType: "timeout" });
        }
        this.#arrival = Promise.withResolvers();
        await Promise.race([this.#arrival.promise, timeout]);
      }
      return this.#replies.shift() as R;
    } finally {
      done.abort();
    }
  }

  /** Removes and returns the replies that wait. */
  drain(): readonly R[] {
    return this.#replies.splice(0);
  }
}
