/**
 * One trip to the kernel for all that a connection has to say in one turn.
 *
 * The runtime's HTTP/2 (Deno 2.9.6) hands each frame to the socket by itself:
 * a hundred streams of one connection that tick together are a hundred socket
 * writes, and a batch of 512 KiB is one for every 16 KiB. A socket write costs
 * some ten microseconds whatever it carries, so it is the number of them that
 * counts. Here a connection is corked while it says more than one thing in a
 * turn, and uncorked before the event loop does anything else: same bytes, same
 * order, one write. A connection that says one thing at a time, as one with a
 * single stream does, is left alone: corking has its price too.
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
  /** The sockets that were corked in the turn that is under way, if one is. */
  #turn: PackableSocket[] | undefined;

  /** Packs later writes to `socket`. */
  pack(socket: PackableSocket): void {
    const { write } = socket;
    let turn: PackableSocket[] | undefined;
    let writes = 0;
    let isCorked = false;
    socket.write = (...args) => {
      const now = this.#turn ?? this.#begin();
      if (now !== turn) {
        // Who had more to say the last time is taken at its word.
        isCorked = writes > 1;
        writes = 0;
        turn = now;
        if (isCorked) cork(socket, now);
      } else if (!isCorked) {
        isCorked = true;
        cork(socket, now);
      }
      writes++;
      return write.apply(socket, args);
    };
  }

  #begin(): PackableSocket[] {
    const turn: PackableSocket[] = [];
    this.#turn = turn;
    process.nextTick(() => {
      this.#turn = undefined;
      for (const socket of turn) socket.uncork();
    });
    return turn;
  }
}

function cork(socket: PackableSocket, turn: PackableSocket[]): void {
  socket.cork();
  turn.push(socket);
}
