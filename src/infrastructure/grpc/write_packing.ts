/**
 * One trip to the kernel for all that a connection has to say in one turn.
 *
 * The runtime's HTTP/2 (Deno 2.9.6) hands each frame to the socket by itself:
 * a hundred streams of one connection that tick together are a hundred socket
 * writes, and a batch of 512 KiB is one for every 16 KiB. A socket write costs
 * some ten microseconds whatever it carries, so it is the number of them that
 * counts. Here a connection is corked by the first frame of a turn and uncorked
 * before the event loop does anything else: same bytes, same order, one write.
 *
 * @module
 */
import process from "node:process";

/** What is needed of a socket. */
export interface PackableSocket {
  write(...args: never[]): boolean;
  cork(): void;
  uncork(): void;
}

/** Packs what is written to connections. */
export class WritePacking {
  #corked: PackableSocket[] = [];

  /** Packs all later writes to `socket`. */
  pack(socket: PackableSocket): void {
    const { write } = socket;
    let turn: PackableSocket[] | undefined;
    socket.write = (...args) => {
      // A socket is in the list of a turn once; after that turn the list is
      // another one.
      if (turn !== this.#corked) {
        turn = this.#corked;
        this.#cork(socket);
      }
      return write.apply(socket, args);
    };
  }

  #cork(socket: PackableSocket): void {
    socket.cork();
    if (this.#corked.push(socket) > 1) return;
    process.nextTick(() => {
      const corked = this.#corked;
      this.#corked = [];
      for (const socket of corked) socket.uncork();
    });
  }
}
