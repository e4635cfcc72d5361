/**
 * Limits how much of a client's input is parsed in one turn of the event loop.
 *
 * - Product: node:http of Deno 2.9.6.
 * - Symptom: it reports all requests of one read, 2,000 in 64 KB, before anything else runs, also
 *   when the first of them destroys their connection: that takes 100 ms. So its parser is detached
 *   from the socket and receives small pieces.
 * - Report: none found.
 * - Test: "Deno 2.9.6 still needs the workaround for many requests in one packet" fails when this
 *   is no longer needed, and when it no longer works.
 *
 * @module
 */
import type { Socket } from "node:net";

/** Bytes that are parsed in one turn. */
const PIECE_BYTES = 512;

/** Bytes that are read and dropped after the end of parsing, at most. */
const MAX_DROPPED_BYTES = 256 * 1024;

/** The input of one client. */
export interface ParsedInput {
  /** Whether the parsing has ended. */
  readonly ended: boolean;
  /** Ends the parsing; later bytes are dropped, and too many close the socket. */
  end(): void;
}

/** The part of node:http's internal parser that is used. */
interface Parser {
  readonly unconsume?: () => void;
}

/**
 * Takes over the input of a socket that node:http has just accepted.
 *
 * @param socket one of a server's "connection" event
 */
export function parseInPieces(socket: Socket): ParsedInput {
  const { parser } = socket as { readonly parser?: Parser | null };
  parser?.unconsume?.();
  const [parse] = socket.listeners("data") as ((bytes: Uint8Array) => void)[];
  let waiting: Uint8Array[] = [];
  let dropped: number | undefined;
  const parseNext = () => {
    const [bytes, ...others] = waiting;
    if (bytes === undefined || socket.destroyed) return;
    const rest = bytes.subarray(PIECE_BYTES);
    waiting = rest.length > 0 ? [rest, ...others] : others;
    parse?.call(socket, bytes.subarray(0, PIECE_BYTES));
    if (waiting.length === 0) return void socket.resume();
    socket.pause();
    setImmediate(parseNext);
  };
  socket.on("data", (bytes: Uint8Array) => {
    if (dropped !== undefined) {
      dropped += bytes.length;
      if (dropped > MAX_DROPPED_BYTES) socket.destroy();
      return;
    }
    waiting.push(bytes);
    if (waiting.length === 1) parseNext();
    // node:http resumes the socket too, so more may come early.
    else socket.pause();
  });
  if (parse) socket.off("data", parse);
  return {
    get ended() {
      return dropped !== undefined;
    },
    end: () => {
      dropped = 0;
      waiting = [];
    },
  };
}
