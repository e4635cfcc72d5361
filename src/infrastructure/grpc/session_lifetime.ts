/**
 * Ends HTTP/2 connections so that clients reconnect.
 *
 * gRPC clients retry UNAVAILABLE and give up on most other codes. What they
 * report for the ends that HTTP/2 libraries make is often another one:
 * RST_STREAM(NO_ERROR) reads as INTERNAL or INVALID_ARGUMENT, CANCEL and some
 * TCP resets as CANCELLED. RST_STREAM(REFUSED_STREAM) reads as UNAVAILABLE in
 * nearly all. So a connection whose streams cannot be sent a status ends like
 * this: every open stream is reset with REFUSED_STREAM, then the connection is
 * closed; if its client has not taken all after {@linkcode LINGER_MS}, by a TCP
 * reset. (connect-es 2.2.0 reads REFUSED_STREAM as INTERNAL, which it retries.)
 * This replaces what the libraries do:
 *
 * - Errors. A session that the library ends (protocol errors, flood guards,
 *   session errors) would send GOAWAY with an error code or RST_STREAM.
 * - Keepalive. grpc-js ends a session that does not answer pings with
 *   RST_STREAM(NO_ERROR). Its keepalive is off; the one here replaces it.
 * - Cancelled streams. nghttp2 answers more than 1000 resets, plus 33 a second,
 *   with GOAWAY(INTERNAL_ERROR), on which some clients drop every stream. Deno
 *   2.9.6 ignores `streamResetBurst` and `streamResetRate`, the settings for
 *   it. nghttp2 itself keeps the session open, so the frame is sent as
 *   GOAWAY(NO_ERROR): open streams continue, new ones use a new connection.
 *   The test "Deno ignores the settings of the limit of resets" fails when the
 *   settings work; then use them instead.
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
  type Http2Stream,
  type ServerHttp2Session,
} from "node:http2";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Server } from "@grpc/grpc-js";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";

/** Time that the last frames of a connection have to leave, in ms. */
export const LINGER_MS = 10_000;
/** Streams of a session that are ended in one turn of the event loop. */
const ENDS_PER_TURN = 24;
/** Equal parts of the keepalive timeout, after each of which it looks. */
const LOOKS = 4;
/** Bytes of a frame before its payload; the fourth is its type. */
const HEADER_BYTES = 9;
const RST_STREAM = 3;
const GOAWAY = 7;
/** Where GOAWAY has its error code, and where its debug data starts. */
const GOAWAY_CODE = HEADER_BYTES + 4;
const GOAWAY_BYTES = GOAWAY_CODE + 4;

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

/** One connection. */
class GuardedSession {
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  readonly #options: SessionOptions;
  /** Fires when the connection is over. */
  readonly #over = new AbortController();
  readonly #openStreams = new Set<Http2Stream>();
  /** Whether what the library writes is dropped. */
  #isSilenced = false;
  /** Whether the session is being destroyed. */
  #isEnding = false;

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
      this.#openStreams.add(stream);
      stream.once("close", () => this.#openStreams.delete(stream));
    });
    // An error event without a listener would end the process.
    session.on("error", () => {});
    const close = session.close.bind(session);
    this.#replace("close", (original) => setImmediate(original));
    this.#replace("destroy", (destroy, cause) => {
      if (this.#isEnding) return;
      this.#isEnding = true;
      setImmediate(() => {
        this.#refuseStreams(cause);
        this.#endStreams([...this.#openStreams], () => {
          // The socket of a closed session is read until its client closes it.
          // Otherwise what the client still sends would be answered by a TCP
          // reset, which can overtake the frames that ended its streams.
          close();
          destroy();
          void this.#closeLater();
        });
      });
    });
    this.#guardWrites();
    this.#socket.once("close", () => this.#over.abort());
    void this.#keepAlive();
  }

  /** Replaces a method of the session; `instead` may call the original. */
  #replace(
    name: "close" | "destroy",
    instead: (original: () => void, argument: unknown) => void,
  ): void {
    const session = this.#session;
    const method = session[name] as (...args: unknown[]) => void;
    Object.defineProperty(session, name, {
      configurable: true,
      writable: true,
      value: (...args: unknown[]) =>
        instead(() => method.apply(session, args), args[0]),
    });
  }

  /** Inspects every frame; the library writes each one by itself. */
  #guardWrites(): void {
    const socket = this.#socket;
    const write = socket.write as (...args: unknown[]) => boolean;
    socket.write = ((chunk: Uint8Array, ...more: unknown[]): boolean => {
      // A closed socket makes an error, with a stack, of each write.
      if (this.#isSilenced || socket.destroyed) return false;
      if (chunk[3] === GOAWAY && !this.#passesGoaway(chunk)) return false;
      return write.call(socket, chunk, ...more);
    }) as typeof socket.write;
  }

  /** Whether a GOAWAY may be sent, as it is or changed. */
  #passesGoaway(frame: Uint8Array): boolean {
    const code = new DataView(frame.buffer, frame.byteOffset)
      .getUint32(GOAWAY_CODE);
    if (code === constants.NGHTTP2_NO_ERROR) return true;
    // Only the limit of resets sends this code without debug data.
    if (
      code === constants.NGHTTP2_INTERNAL_ERROR &&
      frame.length === GOAWAY_BYTES && !this.#session.destroyed
    ) {
      frame.fill(0, GOAWAY_CODE);
      return true;
    }
    if (this.#openStreams.size === 0) return true;
    const error = new Error(`GOAWAY with code ${code}`);
    this.#refuseStreams(error);
    this.#session.destroy(error);
    return false;
  }

  /** Ends the open streams, if any; the library sends nothing after that. */
  #refuseStreams(cause: unknown): void {
    const socket = this.#socket;
    const streams = this.#openStreams;
    if (streams.size === 0 || this.#isSilenced || socket.destroyed) return;
    this.#options.log.warn("Ending a connection with open streams", {
      peer: `${socket.remoteAddress}:${socket.remotePort}`,
      streams: streams.size,
      cause,
    });
    socket.write(Buffer.concat([...streams].map(refusal)));
    this.#isSilenced = true;
  }

  /**
   * Ends `streams` in later turns of the event loop, and runs `then`. To end
   * thousands in one call would stop everything else for half a second.
   */
  #endStreams(streams: Http2Stream[], then: () => void): void {
    for (const stream of streams.splice(-ENDS_PER_TURN)) {
      if (stream.destroyed) continue;
      stream.close(constants.NGHTTP2_CANCEL);
      stream.destroy();
    }
    if (streams.length === 0) then();
    else setImmediate(() => this.#endStreams(streams, then));
  }

  /** Closes the socket if its client does not in time. */
  async #closeLater(): Promise<void> {
    const { signal } = this.#over;
    await this.#options.clock.sleep(LINGER_MS, signal);
    if (signal.aborted) return;
    if (this.#socket.writableFinished) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /**
   * Pings until the connection is over. Any bytes count as an answer, so that
   * a client that sends much is not ended for a late one.
   */
  async #keepAlive(): Promise<void> {
    const { clock, keepaliveMs, keepaliveTimeoutMs } = this.#options;
    const { signal } = this.#over;
    for (;;) {
      await clock.sleep(keepaliveMs, signal);
      if (signal.aborted || this.#session.destroyed) return;
      const { bytesRead } = this.#socket;
      this.#ping();
      // In parts, because after a pause of this process timers run before
      // what has arrived meanwhile is read.
      for (let look = 0; look < LOOKS; look++) {
        await clock.sleep(keepaliveTimeoutMs / LOOKS, signal);
        if (this.#socket.bytesRead !== bytesRead) break;
      }
      if (signal.aborted) return;
      if (this.#socket.bytesRead !== bytesRead) continue;
      return this.#session.destroy(
        new Error(`No answer to a ping for ${keepaliveTimeoutMs} ms`),
      );
    }
  }

  /**
   * Sends what the client has to answer. A session that is closing, because
   * its client has sent GOAWAY, sends no pings, but its streams may go on for
   * hours. SETTINGS has to be answered too; GOAWAY, once more, flushes it.
   */
  #ping(): void {
    const session = this.#session;
    if (!session.closed) session.ping(() => {});
    else {
      session.settings({});
      session.goaway();
    }
  }
}

/** RST_STREAM(REFUSED_STREAM) for a stream. */
function refusal({ id = 0 }: Http2Stream): Buffer {
  const frame = Buffer.from([0, 0, 4, RST_STREAM, 0, ...new Uint8Array(8)]);
  frame.writeUInt32BE(id, HEADER_BYTES - 4);
  frame.writeUInt32BE(constants.NGHTTP2_REFUSED_STREAM, HEADER_BYTES);
  return frame;
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
