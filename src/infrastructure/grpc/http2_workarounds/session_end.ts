/**
 * Replaces how HTTP/2 connections end, so that the process survives and clients reconnect.
 *
 * gRPC clients retry UNAVAILABLE and give up on most other codes. What they report for the ends
 * that HTTP/2 libraries make is often another one: RST_STREAM(NO_ERROR) reads as INTERNAL or
 * INVALID_ARGUMENT, CANCEL and some TCP resets as CANCELLED. RST_STREAM(REFUSED_STREAM) reads as
 * UNAVAILABLE in nearly all (connect-es 2.2.0 reads it as INTERNAL, which it retries). So a
 * connection whose streams cannot be sent a status ends like this: each open stream is reset with
 * REFUSED_STREAM, then the connection is closed; if its client has not taken all after {@linkcode
 * LINGER_MS}, by a TCP reset.
 *
 * Process crash on a close within a read
 * - Product: node:http2 of Deno 2.9.6.
 * - Symptom: it reads frames in native code and calls JavaScript meanwhile. A session that closes
 *   in such a call is freed under its reader; connections that start with GOAWAY end the process
 *   with a segmentation fault. So sessions close in the next turn of the event loop.
 * - Report: none found for servers; clients: https://github.com/denoland/deno/issues/36788
 * - Test: none fails once this can go, because the crash depends on chance: a server of grpc-js
 *   1.14.7 alone crashes in about every second run of 300 clients that send GOAWAY and FIN behind
 *   their SETTINGS. Behind `PacedSocket`, 600 of them crashed nothing without this. "clients that
 *   connect and leave affect no other" keeps that.
 *
 * Errors of a session (protocol errors, flood guards)
 * - Product: node:http2 of Deno 2.9.6, as that of Node.js.
 * - Symptom: GOAWAY with an error code, and RST_STREAM(CANCEL) or none. By design; no report.
 * - Test: "a protocol error ends its connection's streams in a way clients retry" fails without
 *   this.
 *
 * Keepalive
 * - Product: node:http2 of Deno 2.9.6, as that of Node.js.
 * - Symptom: it has none. Clients retry the end of a session that answers no ping as above.
 * - Test: "a client that answers no ping is ended in a way it retries" fails without this.
 *
 * Limit of cancelled streams
 * - Product: nghttp2 1.69.0 in Deno 2.9.6.
 * - Symptom: it answers more than 1000 resets, plus 33 a second, with GOAWAY(INTERNAL_ERROR), on
 *   which some clients drop every stream; Deno ignores `streamResetBurst` and `streamResetRate`,
 *   the settings for it. nghttp2 itself keeps the session open, so the frame is sent as
 *   GOAWAY(NO_ERROR): open streams continue, new ones use a new connection.
 * - Report: none found.
 * - Test: "Deno ignores the settings of the limit of resets" fails once the settings can be used
 *   instead.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { constants, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Clock } from "../../../application/ports/clock.ts";
import type { Log } from "../../../application/ports/log.ts";
import type { TurnScheduler, WaitingWork } from "../limits/turn_scheduler.ts";
import { FrameType, goawayOf, HEADER_BYTES, resetOf } from "./frames.ts";

/** Time that the last frames of a connection have to leave, in ms. */
const LINGER_MS = 10_000;
/** Streams of a session that are ended in one turn of the event loop. */
const ENDS_PER_TURN = 24;
/** Equal parts of the keepalive timeout; bytes are checked after each. */
const CHECKS = 4;
/** Offset of the id of its stream in a frame. */
const STREAM_ID = 5;
/** Offset of the error code in GOAWAY, and of its debug data. */
const GOAWAY_CODE = HEADER_BYTES + 4;
const GOAWAY_BYTES = GOAWAY_CODE + 4;

/** What {@linkcode SessionEnd} needs. */
export interface SessionEndOptions {
  readonly clock: Pick<Clock, "sleep">;
  readonly log: Log;
  /** Time between two pings of a connection, in ms; above 0. */
  readonly keepaliveMs: number;
  /** Time in which something has to arrive after a ping, in ms; above 0. */
  readonly keepaliveTimeoutMs: number;
  /** Paces the ends of streams of lost connections. */
  readonly scheduler: TurnScheduler;
}

/** The streams of a connection. */
export interface ConnectionStreams {
  /** Ids of the open streams. */
  ids(): number[];
  /** Ends at most `count` streams, the oldest first; returns how many ended. */
  end(count: number): number;
  /** HEADERS of a stream are being sent. */
  headersSent(id: number): void;
}

/** Bits of the types of frames that carry responses. */
const DATA_OR_HEADERS = 1 << FrameType.DATA | 1 << FrameType.HEADERS;

/** The id in the header of a frame. */
function streamOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(STREAM_ID);
}

/** Replaces how the session of a connection ends, and pings its client. */
export class SessionEnd implements WaitingWork {
  readonly #socket: Socket;
  readonly #session: ServerHttp2Session;
  readonly #streams: ConnectionStreams;
  readonly #options: SessionEndOptions;
  /** Fires when the socket has closed. */
  readonly #closed = new AbortController();
  /** Whether frames that HTTP/2 writes are dropped. */
  #dropsWrites = false;
  /** Bits of the types of the frames that were written since {@linkcode hasSent}. */
  #sentTypes = 0;
  /** Writes frames to the socket without inspecting them. */
  #write: (frame: Uint8Array) => boolean = () => false;
  /** Whether the session is being destroyed. */
  #isEnding = false;
  /** What runs when the streams of a closed socket have ended. */
  #afterStreams: (() => void) | undefined;

  constructor(
    socket: Socket,
    session: ServerHttp2Session,
    streams: ConnectionStreams,
    options: SessionEndOptions,
  ) {
    this.#socket = socket;
    this.#session = session;
    this.#streams = streams;
    this.#options = options;
    const { close, destroy } = session;
    session.close = (callback) => void setImmediate(() => close.call(session, callback));
    session.destroy = (error, code) => {
      if (this.#isEnding) return;
      this.#isEnding = true;
      setImmediate(() => {
        this.#resetStreams(error);
        this.#endStreams(() => {
          // The socket of a closed session is read until its client closes it. Otherwise what the
          // client still sends would be answered by a TCP reset, which can overtake the frames that
          // ended its streams.
          close.call(session);
          destroy.call(session, error, code);
          void this.#closeLater();
        });
      });
    };
    this.#filterWrites();
    socket.once("close", () => this.#closed.abort());
    void this.#keepAlive();
  }

  /** Whether the connection is being ended, or closed. */
  get isEnding(): boolean {
    return this.#isEnding || this.#dropsWrites || this.#socket.destroyed;
  }

  /** Whether DATA or HEADERS were written since the last call. */
  hasSent(): boolean {
    const sent = (this.#sentTypes & DATA_OR_HEADERS) !== 0;
    this.#sentTypes = 0;
    return sent;
  }

  /**
   * Ends the connection: GOAWAY with an error code and with `debugData`, which some clients
   * interpret, then its open streams as above. The caller logs it.
   */
  end(code: number, debugData: string): void {
    if (this.isEnding) return;
    this.#write(goawayOf(code, debugData));
    this.#refuse(this.#streams.ids());
    this.#session.destroy(new Error(debugData), code);
  }

  /**
   * Ends the streams of a socket that has closed, and then runs `then`. The scheduler paces it,
   * because many connections can be lost together.
   */
  socketClosed(then: () => void): void {
    this.#afterStreams = then;
    this.#options.scheduler.enqueue(this);
  }

  /** Whether streams of a closed socket have to be ended. */
  get isWaiting(): boolean {
    return this.#afterStreams !== undefined;
  }

  /** Ends at most `count` streams of a closed socket. */
  advance(count: number): number {
    const ended = this.#streams.end(count);
    if (ended < count) {
      this.#afterStreams?.();
      this.#afterStreams = undefined;
    }
    return ended;
  }

  /**
   * Ends all streams in turns of the event loop, and then runs `then`. Ending thousands in one call
   * would block everything else for half a second.
   */
  #endStreams(then: () => void): void {
    if (this.#streams.end(ENDS_PER_TURN) < ENDS_PER_TURN) then();
    else setImmediate(() => this.#endStreams(then));
  }

  /** Inspects each frame; HTTP/2 writes each one by itself. */
  #filterWrites(): void {
    const socket = this.#socket;
    const write = socket.write as (...args: unknown[]) => boolean;
    this.#write = (frame) => write.call(socket, frame);
    socket.write = ((chunk: Uint8Array, ...more: unknown[]): boolean => {
      // A closed socket makes an error, with a stack, of each write.
      if (this.#dropsWrites || socket.destroyed) return false;
      const type = chunk[3] as number;
      if (type === FrameType.GOAWAY && !this.#passesGoaway(chunk)) return false;
      this.#sentTypes |= 1 << type;
      if (type === FrameType.HEADERS) this.#streams.headersSent(streamOf(chunk));
      return write.call(socket, chunk, ...more);
    }) as typeof socket.write;
  }

  /** Whether a GOAWAY may be sent, as it is or changed. */
  #passesGoaway(frame: Uint8Array): boolean {
    const code = new DataView(frame.buffer, frame.byteOffset).getUint32(GOAWAY_CODE);
    if (code === constants.NGHTTP2_NO_ERROR) return true;
    // Only the limit of resets sends this code without debug data.
    if (
      code === constants.NGHTTP2_INTERNAL_ERROR &&
      frame.length === GOAWAY_BYTES && !this.#session.destroyed
    ) {
      frame.fill(0, GOAWAY_CODE);
      return true;
    }
    if (this.#streams.ids().length === 0) return true;
    const error = new Error(`GOAWAY with code ${code}`);
    this.#resetStreams(error);
    this.#session.destroy(error);
    return false;
  }

  /** Resets the open streams, if any; HTTP/2 sends nothing after that. */
  #resetStreams(cause: unknown): void {
    const socket = this.#socket;
    const streams = this.#streams.ids();
    if (streams.length === 0 || this.#dropsWrites || socket.destroyed) return;
    this.#options.log.warn("Ending a connection with open streams", {
      peer: `${socket.remoteAddress}:${socket.remotePort}`,
      streams: streams.length,
      cause,
    });
    this.#refuse(streams);
  }

  /** Resets streams as the last that is sent. */
  #refuse(streams: readonly number[]): void {
    const resets = streams.map((id) => resetOf(id, constants.NGHTTP2_REFUSED_STREAM));
    if (resets.length > 0) this.#write(Buffer.concat(resets));
    this.#dropsWrites = true;
  }

  /** Closes the socket if its client does not in time. */
  async #closeLater(): Promise<void> {
    const { signal } = this.#closed;
    await this.#options.clock.sleep(LINGER_MS, signal);
    if (signal.aborted) return;
    if (this.#socket.writableFinished) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /**
   * Pings until the connection ends. Any bytes count as a reply, so that a client that sends much
   * is not ended for a late one.
   */
  async #keepAlive(): Promise<void> {
    const { clock, keepaliveMs, keepaliveTimeoutMs } = this.#options;
    const { signal } = this.#closed;
    for (;;) {
      await clock.sleep(keepaliveMs, signal);
      if (signal.aborted || this.#session.destroyed) return;
      const { bytesRead } = this.#socket;
      this.#ping();
      // In parts, because after a pause of this process timers run before what has arrived
      // meanwhile is read.
      for (let check = 0; check < CHECKS; check++) {
        await clock.sleep(keepaliveTimeoutMs / CHECKS, signal);
        if (this.#socket.bytesRead !== bytesRead) break;
      }
      if (signal.aborted) return;
      if (this.#socket.bytesRead !== bytesRead) continue;
      return this.#session.destroy(new Error(`No reply to a ping for ${keepaliveTimeoutMs} ms`));
    }
  }

  /**
   * Sends a frame that needs a reply. A session that is closing, because its client has sent
   * GOAWAY, sends no pings, but its streams may stay open for hours. SETTINGS needs a reply too;
   * another GOAWAY flushes it.
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
