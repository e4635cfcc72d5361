/**
 * Ends HTTP/2 connections so that clients reconnect.
 *
 * gRPC clients retry a stream whose connection was reset (UNAVAILABLE) and give
 * up on most other ends: RST_STREAM(NO_ERROR) reads as INTERNAL or
 * INVALID_ARGUMENT, RST_STREAM(CANCEL) as CANCELLED. So a connection with open
 * streams ends in one of two ways only: by the proxy's orderly stop, which
 * sends every stream its status first, or by a TCP reset. Everything that
 * HTTP/2 libraries do in between is turned into one of these:
 *
 * - Errors. A session that the library ends (protocol errors, flood guards,
 *   errors of the session) is reset before it sends GOAWAY or RST_STREAM.
 * - Cancelled streams. nghttp2 answers more than 1000 resets, plus 33 a second,
 *   with GOAWAY(INTERNAL_ERROR), on which some clients drop every stream. Deno
 *   2.9.6 ignores `streamResetBurst` and `streamResetRate`, the settings for
 *   it. nghttp2 itself keeps the session open, so the frame is sent as
 *   GOAWAY(NO_ERROR): open streams continue, new ones use a new connection.
 *   The test "a client that cancels 500 streams a second keeps its others"
 *   still passes when the limit can be set; then remove this.
 * - Keepalive. A connection that does not answer a ping in time is reset;
 *   grpc-js would end it with RST_STREAM(NO_ERROR).
 *
 * Sessions close in the next turn of the event loop. Deno's HTTP/2 server
 * (2.9.6) reads frames in native code and calls JavaScript meanwhile. A session
 * that closes in such a call is freed under its reader, and a connection that
 * starts with GOAWAY ends the process with a segmentation fault.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  constants,
  type Http2Server,
  type ServerHttp2Session,
} from "node:http2";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Server } from "@grpc/grpc-js";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";

/** A ping is answered or not in one of so many equal parts of the timeout. */
const LOOKS = 4;
/** Bytes of a frame before its payload; the fourth is its type. */
const HEADER_BYTES = 9;
const GOAWAY = 7;
/** Where GOAWAY has its error code, and where its debug data starts. */
const GOAWAY_CODE = HEADER_BYTES + 4;
const GOAWAY_BYTES = GOAWAY_CODE + 4;
/** PING without payload data: length 8, type 6, no flags, stream 0. */
const PING = Buffer.from([0, 0, 8, 6, ...new Array<number>(13).fill(0)]);

/** What {@linkcode guardSessions} needs. */
export interface SessionOptions {
  readonly clock: Pick<Clock, "sleep">;
  readonly log: Log;
  /** Time between two pings of a connection, in ms; above 0. */
  readonly keepaliveMs: number;
  /** Time in which something has to arrive after a ping, in ms; above 0. */
  readonly keepaliveTimeoutMs: number;
}

/** Guards every session that comes through `http2Server`. */
export function guardSessions(
  http2Server: Http2Server,
  options: SessionOptions,
): void {
  // A session hides its socket. Both events happen in the same call.
  let accepted: Socket | undefined;
  http2Server.prependListener("connection", (socket: Socket) => {
    accepted = socket;
  });
  http2Server.on("session", (session: ServerHttp2Session) => {
    if (accepted) new GuardedSession(session, accepted, options).guard();
    accepted = undefined;
  });
}

type Method = (...args: never[]) => unknown;

/** One connection. */
class GuardedSession {
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  readonly #options: SessionOptions;
  /** Fires when the connection is over. */
  readonly #over = new AbortController();
  #openStreams = 0;
  /** Set once the connection is to be reset: nothing is sent any more. */
  #isResetting = false;

  constructor(
    session: ServerHttp2Session,
    socket: Socket,
    options: SessionOptions,
  ) {
    this.#session = session;
    this.#socket = socket;
    this.#options = options;
  }

  guard(): void {
    const session = this.#session;
    session.on("stream", (stream) => {
      this.#openStreams++;
      stream.once("close", () => this.#openStreams--);
    });
    // Reported by the library's listener; unheard it would end the process.
    session.on("error", () => {});
    this.#replace("close", (close) => setImmediate(close));
    this.#replace("destroy", (destroy, ...args) => {
      setImmediate(() => {
        this.#resetIfUsed("The HTTP/2 session failed", { cause: args[0] });
        destroy();
      });
    });
    this.#guardWrites();
    this.#socket.once("close", () => this.#over.abort());
    void this.#keepAlive();
  }

  /** Has calls of a method go through `instead`, which may call the method. */
  #replace(
    name: "close" | "destroy",
    instead: (run: () => void, ...args: never[]) => void,
  ): void {
    const session = this.#session;
    const method: Method = session[name];
    Object.defineProperty(session, name, {
      configurable: true,
      writable: true,
      value: (...args: never[]) =>
        instead(() => method.apply(session, args), ...args),
    });
  }

  /** Looks for GOAWAY: the library writes each frame by itself. */
  #guardWrites(): void {
    const socket = this.#socket;
    const write = socket.write as (...args: unknown[]) => boolean;
    socket.write = ((chunk: Uint8Array, ...more: unknown[]): boolean => {
      if (this.#isResetting) return false;
      if (chunk[3] === GOAWAY && !this.#passGoaway(chunk)) return false;
      return write.call(socket, chunk, ...more);
    }) as typeof socket.write;
  }

  /** Makes GOAWAY harmless, or ends the connection instead of sending it. */
  #passGoaway(frame: Uint8Array): boolean {
    const code = new DataView(frame.buffer, frame.byteOffset)
      .getUint32(GOAWAY_CODE);
    if (code === constants.NGHTTP2_NO_ERROR) return true;
    if (this.#session.destroyed) return true;
    // The limit of resets is the only cause that comes without debug data.
    if (
      code === constants.NGHTTP2_INTERNAL_ERROR && frame.length === GOAWAY_BYTES
    ) {
      frame.fill(0, GOAWAY_CODE);
      return true;
    }
    if (this.#openStreams === 0) return true;
    this.#isResetting = true;
    // Not in this call: the library's reader may have made it.
    setImmediate(() => {
      this.#isResetting = false;
      this.#reset("The HTTP/2 session failed", { code });
    });
    return false;
  }

  /** Resets the connection if it has open streams. */
  #resetIfUsed(reason: string, fields: Record<string, unknown>): void {
    if (this.#openStreams > 0) this.#reset(reason, fields);
  }

  #reset(reason: string, fields: Record<string, unknown>): void {
    if (this.#isResetting || this.#socket.destroyed) return;
    this.#options.log.warn(`${reason}; resetting the connection`, {
      peer: `${this.#socket.remoteAddress}:${this.#socket.remotePort}`,
      streams: this.#openStreams,
      ...fields,
    });
    this.#isResetting = true;
    this.#socket.resetAndDestroy();
  }

  /**
   * Pings until the connection is over. Any bytes count as an answer, so that
   * a client that sends much is not ended for a late one. The frame is written
   * here, because `ServerHttp2Session.ping` sends none once a session closes,
   * and the streams of a closing session may go on for hours.
   */
  async #keepAlive(): Promise<void> {
    const { clock, keepaliveMs, keepaliveTimeoutMs } = this.#options;
    const { signal } = this.#over;
    for (;;) {
      await clock.sleep(keepaliveMs, signal);
      if (signal.aborted) return;
      const { bytesRead } = this.#socket;
      this.#socket.write(PING);
      // In parts, because after a pause of this process timers run before
      // what has arrived meanwhile is read.
      for (let look = 0; look < LOOKS; look++) {
        await clock.sleep(keepaliveTimeoutMs / LOOKS, signal);
        if (this.#socket.bytesRead !== bytesRead) break;
      }
      if (signal.aborted) return;
      if (this.#socket.bytesRead !== bytesRead) continue;
      return this.#reset("No answer to a keepalive ping", {
        timeoutMs: keepaliveTimeoutMs,
      });
    }
  }
}

/**
 * The HTTP/2 servers inside a gRPC server, which has no public access to them.
 *
 * @throws {Error} when grpc-js no longer keeps them where it does, because
 * serving without the guards would be worse than not serving.
 */
export function http2ServersOf(server: Server): Http2Server[] {
  const { http2Servers } = server as unknown as {
    readonly http2Servers?: ReadonlyMap<Http2Server, unknown>;
  };
  if (!(http2Servers instanceof Map) || http2Servers.size === 0) {
    throw new Error(
      "Cannot guard HTTP/2 sessions: this version of @grpc/grpc-js keeps its " +
        "servers elsewhere; use the pinned version",
    );
  }
  return [...http2Servers.keys()];
}
