/**
 * A WebSocket to upstream, reduced to what a session needs.
 *
 * Frames go to one handler at once and in order. The client is `ws` rather than
 * the runtime's own because its reading can rest (see `fair_reading.ts`), which
 * the runtime's cannot: that one hands on frames for as long as there are bytes
 * and lets nobody else run meanwhile. Pings are answered by it; nothing here speaks of
 * them.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { ClientRequest } from "node:http";
import { WebSocket } from "ws";
import type { Clock } from "../../application/ports/clock.ts";
import { FeedFailure } from "../../application/feeds/feed_failure.ts";
import { failureKindOf } from "../../domain/connection/failure.ts";
import { parseRetryAfter } from "../../domain/connection/retry_after.ts";
import { FairReading } from "./fair_reading.ts";

/** How long a goodbye may wait for its answer. */
const GOODBYE_MS = 2_000;
const NORMAL_CLOSURE = 1000;

/**
 * Largest message that is read, in bytes, where the protocol sets no smaller
 * limit. The acknowledgement of every stock on three channels has about 300 kB,
 * that of 100,000 option contracts 2.4 MB. A larger message ends the session
 * with this limit as the cause: `ws` reads no further. Parsed, 4 MiB of the worst
 * JSON take 150 MB of heap.
 */
export const MAX_MESSAGE_BYTES: number = 4 * 1024 * 1024;

/** Informational responses (HTTP 1xx) before the one that counts. */
const MAX_INFORMATIONAL = 16;

const CLIENT_OPTIONS = {
  // A server that sends nothing else would fill 100 MB a second.
  finishRequest(request: ClientRequest): void {
    let count = 0;
    request.on("information", () => {
      if (++count <= MAX_INFORMATIONAL) return;
      request.destroy(new Error("too many informational responses"));
    });
    request.end();
  },
  // Not offered, so that a peer that compresses anyway is in breach of the
  // protocol: a small message cannot become a large one.
  perMessageDeflate: false,
  // Text that is not UTF-8 costs its frame (the decoder says so), not the
  // session.
  skipUTF8Validation: true,
  // After a goodbye that nobody waits for the socket goes as well.
  closeTimeout: GOODBYE_MS,
};

/** The bytes of one frame; whether it was said to be text is not looked at. */
export type Frame = Uint8Array;

/** An open socket. */
export interface Wire {
  /** Sends a frame; one that has closed ignores it. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Resolves with the reason once the socket has closed; never rejects. */
  readonly ended: Promise<FeedFailure>;
  /**
   * Closes with code 1000 and resolves when the peer has answered, or after
   * two seconds: a peer that is gone cannot answer. No frame is handed on any
   * more. Calling it again waits for the same goodbye.
   */
  close(): Promise<void>;
}

/** What dialing needs. */
export interface DialOptions {
  readonly url: string;
  /** Headers of the upgrade request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly onFrame: (frame: Frame) => void;
  /** Receives what `onFrame` throws, which costs that frame only. */
  readonly onFault: (error: unknown) => void;
  readonly clock: Clock;
  /** Deliveries made so far; see `fair_reading.ts`. @default none */
  readonly deliveries?: (() => number) | undefined;
  readonly timeoutMs: number;
  /** Bytes of the largest message. @default MAX_MESSAGE_BYTES */
  readonly maxMessageBytes?: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Opens a socket.
 *
 * @throws FeedFailure when it cannot be opened in time; the message names the
 *   host and the HTTP status, if there was one
 */
export async function dial(options: DialOptions): Promise<Wire> {
  const { url, headers, clock, deliveries, timeoutMs, signal } = options;
  const maxPayload = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
  if (signal.aborted) throw givenUp();
  const socket = new WebSocket(url, {
    ...CLIENT_OPTIONS,
    maxPayload,
    headers: { ...headers },
  });
  const opened = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<FeedFailure>();
  let problem = "";
  let refusal: Refusal | undefined;
  socket.on("unexpected-response", (_request, response) => {
    const after = response.headers["retry-after"];
    refusal = {
      status: response.statusCode ?? 0,
      retryAfterMs: parseRetryAfter(after, clock.now()),
    };
    socket.terminate();
  });
  socket.onopen = () => opened.resolve();
  const reading = new FairReading(socket, { clock, deliveries });
  // Text comes as bytes too: nobody needs it as text.
  socket.on("message", (data) =>
    // The client hands on one piece unless it is told otherwise.
    reading.handle(() => {
      try {
        options.onFrame(data as Buffer);
      } catch (error) {
        // Thrown into the emitter of `ws`, it would end the process.
        options.onFault(error);
      }
    }));
  socket.on("error", (error) => problem = problemOf(error, maxPayload));
  socket.onclose = (event) => {
    opened.reject(dialFailure(url, refusal ?? { problem }));
    ended.resolve(closeFailure(event, problem));
  };
  await openInTime(socket, opened.promise, { url, clock, timeoutMs, signal });
  return wireOf(socket, ended.promise, clock);
}

async function openInTime(
  socket: WebSocket,
  opened: Promise<void>,
  limits: Pick<DialOptions, "url" | "clock" | "timeoutMs" | "signal">,
): Promise<void> {
  const { url, clock, timeoutMs, signal } = limits;
  const done = new AbortController();
  const patience = clock.sleep(
    timeoutMs,
    AbortSignal.any([done.signal, signal]),
  ).then(() => {
    if (done.signal.aborted) return;
    throw signal.aborted
      ? givenUp()
      : new FeedFailure(`No connection to ${placeOf(url)} in ${timeoutMs} ms`, {
        errorType: "timeout",
      });
  });
  try {
    await Promise.race([opened, patience]);
  } catch (error) {
    opened.catch(() => {});
    // It may have opened in this very moment.
    socket.removeAllListeners("message");
    socket.close(NORMAL_CLOSURE);
    throw error;
  } finally {
    done.abort();
  }
}

function givenUp(): FeedFailure {
  return new FeedFailure("Dialing was given up", { errorType: "closed" });
}

function wireOf(
  socket: WebSocket,
  ended: Promise<FeedFailure>,
  clock: Clock,
): Wire {
  let goodbye: Promise<void> | undefined;
  const sayGoodbye = async () => {
    // A peer that ignores the goodbye may send on for ever, next to the session
    // that replaces this one: what it says counts no more.
    socket.removeAllListeners("message");
    if (socket.readyState === WebSocket.CLOSED) return;
    if (socket.readyState === WebSocket.OPEN) socket.close(NORMAL_CLOSURE);
    const done = new AbortController();
    await Promise.race([ended, clock.sleep(GOODBYE_MS, done.signal)]);
    done.abort();
    socket.terminate();
  };
  return {
    ended,
    send(data) {
      if (socket.readyState === WebSocket.OPEN) socket.send(data);
    },
    close: () => goodbye ??= sayGoodbye(),
  };
}

/** An answer to the upgrade request that is not the upgrade. */
interface Refusal {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
}

function dialFailure(
  url: string,
  reason: Refusal | { readonly problem: string },
): FeedFailure {
  if ("problem" in reason) {
    const said = reason.problem || "no reason given";
    return new FeedFailure(`Cannot connect to ${placeOf(url)}: ${said}`, {
      errorType: "dial",
    });
  }
  const { status, retryAfterMs } = reason;
  const limited = failureKindOf(status) === "rate_limited";
  return new FeedFailure(`Cannot connect to ${placeOf(url)}: HTTP ${status}`, {
    kind: limited ? "rate_limited" : "transient",
    errorType: limited ? "rate_limited" : "dial",
    retryAfterMs,
  });
}

function closeFailure(
  event: { readonly code: number; readonly reason: string },
  problem: string,
): FeedFailure {
  const reason = event.reason || problem;
  return new FeedFailure(
    `Connection closed with code ${event.code}${reason ? `: ${reason}` : ""}`,
    { errorType: "closed" },
  );
}

/** What went wrong, as far as the message of `ws` does not say it. */
function problemOf(
  error: Error & { readonly code?: string },
  maxPayload: number,
): string {
  return error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH"
    ? `a message is larger than ${maxPayload} bytes`
    : error.message;
}

/** Host and path; a query could hold a token. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}
