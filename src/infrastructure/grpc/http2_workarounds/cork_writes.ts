/**
 * Joins the socket writes that a connection makes in one turn of the event loop.
 *
 * - Product: node:http2 of Deno 2.9.6.
 * - Symptom: each frame is a socket write of its own. A hundred streams of one connection that
 *   write together make a hundred, a batch of 512 KiB makes one for every 16 KiB. A socket write
 *   costs some ten microseconds at any size.
 * - Report: https://github.com/denoland/deno/pull/33520 introduced it.
 * - Test: "node:http2 writes each frame to the socket by itself" fails once this can go.
 *
 * A connection is corked from the second write of a turn on, or from the first if the previous turn
 * had several, and uncorked before the event loop does anything else: same bytes, same order, one
 * write. A connection with one write per turn, as one with a single stream, is never corked,
 * because corking has a cost too.
 *
 * @module
 */
import process from "node:process";

/** What is needed of a socket. */
interface CorkableSocket {
  write(...args: never[]): boolean;
  cork(): void;
  uncork(): void;
}

/** Corks the writes of all connections. */
export class WriteCorker {
  /** The sockets that were corked in the current turn; undefined between turns. */
  #turn: CorkableSocket[] | undefined;

  /** Replaces the `write` of a socket. */
  attach(socket: CorkableSocket): void {
    const { write } = socket;
    let turn: CorkableSocket[] | undefined;
    let writes = 0;
    let isCorked = false;
    socket.write = (...args) => {
      const now = this.#turn ?? this.#begin();
      if (now !== turn) {
        // Corks early if the previous turn had several writes.
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

  #begin(): CorkableSocket[] {
    const turn: CorkableSocket[] = [];
    this.#turn = turn;
    process.nextTick(() => {
      this.#turn = undefined;
      for (const socket of turn) socket.uncork();
    });
    return turn;
  }
}

function cork(socket: CorkableSocket, turn: CorkableSocket[]): void {
  socket.cork();
  turn.push(socket);
}
