/**
 * The server's end of one WebSocket, with keepalive and faults.
 *
 * A healthy socket replies to pings, sends its own every `pingIntervalMs`, and
 * ends when it has received nothing for `pongTimeoutMs`. A half-open socket
 * keeps its TCP connection but neither reads nor writes; its session ends
 * uncleanly when the keepalive times out, the client just receives nothing.
 *
 * @module
 */
// @ts-types="@types/ws"
import type { RawData, WebSocket } from "ws";
import type { Clock, Timer } from "./clock.ts";
import type { SessionSocket } from "./session/outbox.ts";

/** The protocol behind a socket. */
export interface SocketHandler {
  /** Handles one message of the client: a string if it came as text. */
  receive(data: string | Uint8Array): void;
  /** Runs when the socket has ended; `clean` if a close frame was received. */
  closed(clean: boolean): void;
}

/** When pings are sent and how long a client may be silent. */
interface Keepalive {
  /** Time between the server's pings; 0 sends none and never gives up. */
  readonly pingIntervalMs: number;
  /** Silence after which the connection is ended. */
  readonly pongTimeoutMs: number;
}

/** How long a client may take to reply to a close frame. */
const CLOSE_TIMEOUT_MS = 1000;

/** One accepted WebSocket. */
export class Socket implements SessionSocket {
  readonly #ws: WebSocket;
  readonly #clock: Clock;
  readonly #keepalive: Keepalive;
  readonly #sendsPongs: () => boolean;
  #handler: SocketHandler | undefined;
  #lastSeenMs: number;
  #pingTimer: Timer | undefined;
  #closeTimer: Timer | undefined;
  #halfOpen = false;
  #mutePongs = false;

  constructor(
    ws: WebSocket,
    { clock, keepalive, sendsPongs = () => true }: {
      clock: Clock;
      keepalive: Keepalive;
      /** Whether a ping of the client is answered now. */
      sendsPongs?: () => boolean;
    },
  ) {
    this.#ws = ws;
    this.#clock = clock;
    this.#keepalive = keepalive;
    this.#sendsPongs = sendsPongs;
    this.#lastSeenMs = clock.now();
    ws.on("message", (data, isBinary) => this.#receive(data, isBinary));
    ws.on("ping", (data) => this.#pong(data));
    ws.on("pong", () => this.#seen());
    ws.on("close", (code) => this.#ended(code !== 1006));
    // Protocol errors of the client end in "close" with 1006.
    ws.on("error", () => {});
    this.#planPing();
  }

  /** Sets the handler of messages and of the end. */
  attach(handler: SocketHandler): void {
    this.#handler = handler;
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  sendFrame(frame: string | Uint8Array, written?: () => void): boolean {
    if (this.#halfOpen) return false;
    if (this.#ws.readyState !== this.#ws.OPEN) return false;
    this.#ws.send(frame, () => written?.());
    return true;
  }

  close(code: number, reason: string): void {
    if (this.#halfOpen) return;
    this.#ws.close(code, reason);
    this.#closeTimer ??= this.#clock.setTimer(
      CLOSE_TIMEOUT_MS,
      () => this.#ws.terminate(),
    );
  }

  /** Cuts the TCP connection without a close frame. */
  terminate(): void {
    this.#ws.terminate();
  }

  /** Stops reading and writing for good; TCP stays open. */
  halfOpen(): void {
    this.#halfOpen = true;
    this.#ws.pause();
  }

  /** Stops or resumes sending pongs to the client's pings. */
  mutePongs(isMuted: boolean): void {
    this.#mutePongs = isMuted;
  }

  #receive(data: RawData, isBinary: boolean): void {
    // A paused socket may still emit what it had read before.
    if (this.#halfOpen) return;
    this.#seen();
    const bytes = asBytes(data);
    this.#handler?.receive(
      isBinary ? bytes : new TextDecoder().decode(bytes),
    );
  }

  #pong(data: Uint8Array): void {
    this.#seen();
    const ready = this.#ws.readyState === this.#ws.OPEN;
    if (!ready || this.#halfOpen || this.#mutePongs || !this.#sendsPongs()) return;
    this.#ws.pong(data);
  }

  #seen(): void {
    if (this.#halfOpen) return;
    this.#lastSeenMs = this.#clock.now();
  }

  #planPing(): void {
    const { pingIntervalMs, pongTimeoutMs } = this.#keepalive;
    if (pingIntervalMs === 0) return;
    const timeoutMs = this.#lastSeenMs + pongTimeoutMs - this.#clock.now();
    this.#pingTimer = this.#clock.setTimer(
      Math.min(pingIntervalMs, Math.max(1, timeoutMs)),
      () => this.#ping(),
    );
  }

  #ping(): void {
    const silentMs = this.#clock.now() - this.#lastSeenMs;
    if (silentMs >= this.#keepalive.pongTimeoutMs) return this.#timeOut();
    const ready = this.#ws.readyState === this.#ws.OPEN;
    if (ready && !this.#halfOpen) this.#ws.ping();
    this.#planPing();
  }

  #timeOut(): void {
    if (this.#halfOpen) this.#ended(false);
    else this.#ws.terminate();
  }

  #ended(clean: boolean): void {
    this.#pingTimer?.cancel();
    this.#closeTimer?.cancel();
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(clean);
  }
}

function asBytes(data: RawData): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (!Array.isArray(data)) return data;
  const whole = new Uint8Array(
    data.reduce((sum, part) => sum + part.length, 0),
  );
  let at = 0;
  for (const part of data) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
