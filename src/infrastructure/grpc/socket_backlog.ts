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

/** Bytes that may wait before writes to the connection's streams are held. */
export const MAX_BACKLOG_BYTES = 256 * 1024;

/** What is needed of a socket. */
export interface BackloggedSocket {
  /** Bytes that the system has not taken. */
  readonly writableLength: number;
  once(event: "drain" | "close", listener: () => void): unknown;
}

/** The bytes that wait in one socket, and what waits for them to leave. */
export class SocketBacklog {
  readonly #socket: BackloggedSocket;
  readonly #waiting = new Set<() => void>();
  #isListening = false;

  constructor(socket: BackloggedSocket) {
    this.#socket = socket;
    socket.once("close", () => this.#waiting.clear());
  }

  /** Whether nothing more should be written. */
  get isFull(): boolean {
    return this.#socket.writableLength >= MAX_BACKLOG_BYTES;
  }

  /**
   * Runs `run` once the socket has room; never when it closes before. Those that
   * wait run in order, while there is room.
   */
  wait(run: () => void): void {
    this.#waiting.add(run);
    this.#listen();
  }

  /** Does not run `run` any more. */
  cancel(run: () => void): void {
    this.#waiting.delete(run);
  }

  #listen(): void {
    if (this.#isListening || this.#waiting.size === 0) return;
    this.#isListening = true;
    this.#socket.once("drain", () => {
      this.#isListening = false;
      for (const run of this.#waiting) {
        if (this.isFull) break;
        this.#waiting.delete(run);
        run();
      }
      this.#listen();
    });
  }
}
