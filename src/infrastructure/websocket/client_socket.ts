/**
 * The server's end of one WebSocket.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";

/** Reads what a client sends. */
export interface SocketReader {
  /** Takes a message of the client. */
  receive(message: Uint8Array): void;
  /** The connection has ended; called once. */
  closed(): void;
}

/** One accepted WebSocket. */
export class ClientSocket {
  readonly #ws: WebSocket;
  readonly #raw: Duplex;
  /** Whether something was received, or written, since the last call of `wasActive`. */
  #isActive = true;

  constructor(ws: WebSocket, raw: Duplex) {
    this.#ws = ws;
    this.#raw = raw;
  }

  /** Starts to read. */
  attach(reader: SocketReader): void {
    const ws = this.#ws;
    ws.on("message", (data) => {
      this.#isActive = true;
      // `ws` delivers a single buffer, also for text, with its default options.
      reader.receive(data as Buffer);
    });
    ws.on("ping", () => this.#isActive = true);
    ws.on("pong", () => this.#isActive = true);
    // Errors of the protocol close the connection.
    ws.on("error", () => {});
    ws.once("close", () => reader.closed());
  }

  /** Whether frames can be sent. */
  get isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  /**
   * Writes frames, in order with those of `ws`, which compresses none.
   *
   * @param onWritten called when the network has taken all of them; maybe not at all if the
   *   connection ends
   */
  write(frames: readonly Uint8Array[], onWritten: () => void): void {
    const last = frames.length - 1;
    if (last > 0) this.#raw.cork();
    for (let i = 0; i < last; i++) this.#raw.write(frames[i]);
    this.#raw.write(frames[last], (error) => {
      if (error) return;
      this.#isActive = true;
      onWritten();
    });
    if (last > 0) this.#raw.uncork();
  }

  /** Whether the client has sent anything, or taken what was written, since the last call. */
  takeActivity(): boolean {
    const isActive = this.#isActive;
    this.#isActive = false;
    return isActive;
  }

  /** Sends a ping. */
  ping(): void {
    if (this.isOpen) this.#ws.ping();
  }

  /** Reads no further messages until `resume`. */
  pause(): void {
    this.#ws.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#ws.resume();
  }

  /** Closes the connection after what was written; cuts it when the client does not reply. */
  close(code: number, reason: string): void {
    this.#ws.close(code, reason);
  }

  /** Cuts the connection. */
  terminate(): void {
    this.#ws.terminate();
  }
}
