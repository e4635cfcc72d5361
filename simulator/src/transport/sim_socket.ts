/**
 * The server's end of one WebSocket: keepalive, and the ways a connection can
 * go wrong.
 *
 * A healthy socket answers pings, sends its own every `pingIntervalMs`, and
 * ends when the peer has shown no sign of life for `pongTimeoutMs`. A half-open
 * one keeps its TCP connection but neither reads nor writes; to the simulator
 * it dies unclean when its keepalive runs out, to the peer it just falls silent.
 *
 * @module
 */
// @ts-types="@types/ws"
import type { RawData, WebSocket } from "ws";
import type {
  SimClock,
  SimTimer,
  StreamConnection,
  StreamSocket,
} from "../ports.ts";
import type { SessionSocket } from "../session/session_services.ts";

/** When pings are sent and how long a peer may stay silent. */
export interface Keepalive {
  /** Time between the server's pings; 0 sends none and never gives up. */
  readonly pingIntervalMs: number;
  /** Silence after which the connection is ended. */
  readonly pongTimeoutMs: number;
}

/** How long a peer may take to answer a close frame. */
const CLOSE_PATIENCE_MS = 1000;

/** One accepted WebSocket. */
export class SimSocket implements SessionSocket, StreamSocket {
  readonly #ws: WebSocket;
  readonly #clock: SimClock;
  readonly #keepalive: Keepalive;
  #connection: StreamConnection | undefined;
  #lastSeenMs: number;
  #pingTimer: SimTimer | undefined;
  #closeTimer: SimTimer | undefined;
  #isolated = false;
  #mutePongs = false;
  #muteFrames = false;

  constructor(
    ws: WebSocket,
    { clock, keepalive }: { clock: SimClock; keepalive: Keepalive },
  ) {
    this.#ws = ws;
    this.#clock = clock;
    this.#keepalive = keepalive;
    this.#lastSeenMs = clock.now();
    ws.on("message", (data, isBinary) => this.#receive(data, isBinary));
    ws.on("ping", (data) => this.#pong(data));
    ws.on("pong", () => this.#seen());
    ws.on("close", (code) => this.#ended(code !== 1006));
    // Protocol errors of the peer end in "close" with 1006, which says it all.
    ws.on("error", () => {});
    this.#planPing();
  }

  /** Says who handles this socket's messages and its end. */
  attach(connection: StreamConnection): void {
    this.#connection = connection;
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  /** Whether the socket takes part in nothing any more, but stays open. */
  get isHalfOpen(): boolean {
    return this.#isolated;
  }

  send(data: string | Uint8Array): void {
    this.sendFrame(data);
  }

  sendFrame(frame: string | Uint8Array, taken?: () => void): void {
    if (this.#isolated || this.#muteFrames) return;
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#ws.send(frame, () => taken?.());
  }

  close(code: number, reason: string): void {
    if (this.#isolated) return;
    this.#ws.close(code, reason);
    this.#closeTimer ??= this.#clock.setTimer(
      CLOSE_PATIENCE_MS,
      () => this.#ws.terminate(),
    );
  }

  terminate(): void {
    this.#ws.terminate();
  }

  /** Stops reading and writing for good while TCP stays open. */
  halfOpen(): void {
    this.#isolated = true;
    this.#ws.pause();
  }

  /** Silences pongs (to the client's pings) or every outgoing frame. */
  mute({ pongs, frames }: { pongs: boolean; frames: boolean }): void {
    this.#mutePongs = pongs;
    this.#muteFrames = frames;
  }

  #receive(data: RawData, isBinary: boolean): void {
    // A paused socket may still hand over what it had read before.
    if (this.#isolated) return;
    this.#seen();
    const bytes = asBytes(data);
    this.#connection?.receive(
      isBinary ? bytes : new TextDecoder().decode(bytes),
    );
  }

  #pong(data: Uint8Array): void {
    this.#seen();
    const ready = this.#ws.readyState === this.#ws.OPEN;
    if (ready && !this.#isolated && !this.#mutePongs) this.#ws.pong(data);
  }

  #seen(): void {
    if (this.#isolated) return;
    this.#lastSeenMs = this.#clock.now();
  }

  #planPing(): void {
    const { pingIntervalMs, pongTimeoutMs } = this.#keepalive;
    if (pingIntervalMs === 0) return;
    const patienceMs = this.#lastSeenMs + pongTimeoutMs - this.#clock.now();
    this.#pingTimer = this.#clock.setTimer(
      Math.min(pingIntervalMs, Math.max(1, patienceMs)),
      () => this.#ping(),
    );
  }

  #ping(): void {
    const silentMs = this.#clock.now() - this.#lastSeenMs;
    if (silentMs >= this.#keepalive.pongTimeoutMs) return this.#giveUp();
    const ready = this.#ws.readyState === this.#ws.OPEN;
    if (ready && !this.#isolated) this.#ws.ping();
    this.#planPing();
  }

  #giveUp(): void {
    if (this.#isolated) this.#ended(false);
    else this.#ws.terminate();
  }

  #ended(clean: boolean): void {
    this.#pingTimer?.cancel();
    this.#closeTimer?.cancel();
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.closed(clean);
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
