/**
 * Limits the bytes that wait in a socket for a client that does not read.
 *
 * - Product: node:http2 of Deno 2.9.6.
 * - Symptom: it writes to the socket as much as flow control allows, whether or not the socket is
 *   full, and completes a stream's write once the socket has it. A client with large windows (256
 *   MiB in Envoy) that does not read has all of that kept in memory.
 * - Report: none found; https://github.com/denoland/deno/pull/36044 made writes wait for flow
 *   control, not for the socket.
 * - Test: "node:http2 fills the socket of a client that does not read" fails once this can go; "a
 *   client that does not read is sent what its socket takes" fails without it.
 *
 * @module
 */
import type { Socket } from "node:net";

/** Bytes that may wait in one socket before writes to its streams are held. */
const MAX_BYTES = 256 * 1024;
/** The same while many clients do not read. */
const MIN_BYTES = 16 * 1024;
/** Bytes of the sockets of all clients that do not read, about. */
const TOTAL_BYTES = 64 * 1024 * 1024;
const NOTHING = new Uint8Array(0);
/** Reading stops at this multiple of the bytes at which writes are held. */
const UNREAD_FACTOR = 4;

/** Divides the bytes of all sockets between those that are full. */
export class BacklogShare {
  #full = 0;
  #bytes = MAX_BYTES;

  /** Bytes that may wait in a socket. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Counts one more full socket, or one less. */
  update(change: 1 | -1): void {
    this.#full += change;
    const share = TOTAL_BYTES / Math.max(1, this.#full);
    this.#bytes = Math.max(MIN_BYTES, Math.min(MAX_BYTES, share));
  }
}

/** The bytes that wait in one socket, and the functions that wait for room. */
export class SocketBacklog {
  readonly #socket: Socket;
  /** Writes to the socket without inspection. */
  readonly #write: Socket["write"];
  readonly #share: BacklogShare;
  readonly #waiting = new Set<() => void>();
  #isListening = false;

  constructor(socket: Socket, share: BacklogShare) {
    this.#socket = socket;
    this.#write = socket.write;
    this.#share = share;
    socket.once("close", () => {
      this.#waiting.clear();
      this.#setListening(false);
    });
  }

  /** Whether no more messages should be written; a closed socket stays full. */
  get isFull(): boolean {
    return this.#socket.destroyed || this.#socket.writableLength >= this.#share.bytes;
  }

  /**
   * Whether no more frames should be read: PING replies and responses to refused requests, which
   * flow control does not limit, wait in the socket too.
   */
  get isOverfull(): boolean {
    return this.#socket.writableLength >= UNREAD_FACTOR * this.#share.bytes;
  }

  /**
   * Runs `run` once the socket has room, in the order of these calls; never when it closes before.
   */
  wait(run: () => void): void {
    if (this.#socket.destroyed) return;
    this.#waiting.add(run);
    this.#listen();
  }

  /** Removes a `run` that waits. */
  cancel(run: () => void): void {
    this.#waiting.delete(run);
  }

  #listen(): void {
    if (this.#isListening || this.#waiting.size === 0) return;
    this.#setListening(true);
    const socket = this.#socket;
    // A share can be less than the bytes at which a socket reports that it has drained.
    if (socket.writableNeedDrain) socket.once("drain", this.#drained);
    else this.#write.call(socket, NOTHING, undefined, this.#drained);
  }

  readonly #drained = (): void => {
    this.#setListening(false);
    for (const run of this.#waiting) {
      if (this.isFull) break;
      this.#waiting.delete(run);
      run();
    }
    this.#listen();
  };

  #setListening(isListening: boolean): void {
    if (isListening === this.#isListening) return;
    this.#isListening = isListening;
    this.#share.update(isListening ? 1 : -1);
  }
}
