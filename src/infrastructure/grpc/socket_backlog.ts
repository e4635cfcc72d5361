/**
 * Limits the bytes that wait in a socket for a client that does not read.
 *
 * Deno's HTTP/2 (2.9.6) writes to the socket whatever flow control allows, and
 * its streams count a write as taken when the socket has it. A client whose
 * windows are large (256 MiB in Envoy) and that does not read would have all of
 * that kept in memory. The test "a client with large windows that does not read
 * is sent no more than its socket takes" fails without this.
 *
 * @module
 */

/** Bytes that may wait in one socket before writes to its streams are held. */
const MAX_BYTES = 256 * 1024;
/** The same where many clients do not read. */
const MIN_BYTES = 16 * 1024;
/** What the sockets of clients that do not read hold together, about. */
const TOTAL_BYTES = 64 * 1024 * 1024;
/** Reading stops at so many times the bytes at which writes are held. */
const UNREAD_FACTOR = 4;

/** What is needed of a socket. */
export interface BackloggedSocket {
  /** Bytes that the system has not taken. */
  readonly writableLength: number;
  /** Whether nothing can be written any more. */
  readonly destroyed: boolean;
  once(event: "drain" | "close", listener: () => void): unknown;
}

/** The share that one socket has of the bytes of all. */
export class BacklogShare {
  #full = 0;
  #bytes = MAX_BYTES;

  /** Bytes that may wait in a socket. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes note that `change` more sockets are full; negative for fewer. */
  update(change: 1 | -1): void {
    this.#full += change;
    const share = TOTAL_BYTES / Math.max(1, this.#full);
    this.#bytes = Math.max(MIN_BYTES, Math.min(MAX_BYTES, share));
  }
}

/** The bytes that wait in one socket, and what waits for them to leave. */
export class SocketBacklog {
  readonly #socket: BackloggedSocket;
  readonly #share: BacklogShare;
  readonly #waiting = new Set<() => void>();
  #isListening = false;

  constructor(socket: BackloggedSocket, share: BacklogShare) {
    this.#socket = socket;
    this.#share = share;
    socket.once("close", () => {
      this.#waiting.clear();
      this.#setListening(false);
    });
  }

  /** Whether no more messages should be written; a closed socket stays full. */
  get isFull(): boolean {
    return this.#socket.destroyed ||
      this.#socket.writableLength >= this.#share.bytes;
  }

  /**
   * Whether nothing more should be read: also the answers to PINGs and to
   * refused requests, which flow control does not limit, wait in the socket.
   */
  get isOverfull(): boolean {
    return this.#socket.writableLength >= UNREAD_FACTOR * this.#share.bytes;
  }

  /**
   * Runs `run` once the socket has room; never when it closes before. Those that
   * wait run in order, while there is room.
   */
  wait(run: () => void): void {
    if (this.#socket.destroyed) return;
    this.#waiting.add(run);
    this.#listen();
  }

  /** Does not run `run` any more. */
  cancel(run: () => void): void {
    this.#waiting.delete(run);
  }

  #listen(): void {
    if (this.#isListening || this.#waiting.size === 0) return;
    this.#setListening(true);
    this.#socket.once("drain", () => {
      this.#setListening(false);
      for (const run of this.#waiting) {
        if (this.isFull) break;
        this.#waiting.delete(run);
        run();
      }
      this.#listen();
    });
  }

  #setListening(isListening: boolean): void {
    if (isListening === this.#isListening) return;
    this.#isListening = isListening;
    this.#share.update(isListening ? 1 : -1);
  }
}
