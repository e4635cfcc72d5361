/**
 * The streams of one connection take turns when it is the connection that is
 * slow.
 *
 * HTTP/2 of today (RFC 9218, which Deno's library follows) sends whatever the
 * oldest stream has before anything of a younger one, unless a client asks for
 * `priority: i`, which gRPC clients do not. A stream here writes again as soon
 * as its last write was taken. Together this means that on a connection that
 * takes less than its streams have to say, the oldest receive everything, live,
 * and the youngest nothing, for ever.
 *
 * So while the connection's window is used up, a stream waits with its next
 * write until the others have had theirs: until the window is open although
 * writes are under way (then those wait for windows of their own, which is
 * nobody else's concern), or none is. All who wait then write, as one round. A
 * connection that keeps up never has anybody waiting.
 *
 * @module
 */
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Clock } from "../../application/ports/clock.ts";
import type { SocketBacklog } from "./socket_backlog.ts";

/** How often a used-up window is looked at again, in ms; nothing tells of it. */
const LOOK_EVERY_MS = 5;

/**
 * How long a look at a window is believed, in ms: looking costs some 2 µs, and
 * many streams of a connection write in one turn of the event loop.
 */
const BELIEVED_MS = 1;

/** Hands out the turns of one connection. */
export class Turns {
  readonly #isFull: () => boolean;
  readonly #clock: Pick<Clock, "sleep">;
  readonly #waiting = new Set<() => void>();
  #writing = 0;
  /** Ends the looking; undefined while nobody waits. */
  #looking: AbortController | undefined;

  /** @param isFull whether the connection can take nothing at the moment */
  constructor(isFull: () => boolean, clock: Pick<Clock, "sleep">) {
    this.#isFull = isFull;
    this.#clock = clock;
  }

  /** Whether a write has its turn now; if so, it is counted as under way. */
  enter(): boolean {
    if (!this.#isOpen()) return false;
    this.#writing++;
    return true;
  }

  /** Runs `write` when its turn has come: now, or later. */
  take(write: () => void): void {
    if (this.enter()) return write();
    this.#waiting.add(write);
    if (!this.#looking) void this.#look(this.#looking = new AbortController());
  }

  /** Takes back a `write` that has not had its turn. */
  leave(write: () => void): void {
    this.#waiting.delete(write);
    this.#rest();
  }

  /** To be called once for every write that had its turn and is through. */
  done(): void {
    this.#writing--;
    this.#nextRound();
  }

  /** Runs `write` out of turn. */
  force(write: () => void): void {
    this.leave(write);
    this.#begin(write);
  }

  #isOpen(): boolean {
    return this.#writing === 0 || !this.#isFull();
  }

  #begin(write: () => void): void {
    this.#writing++;
    write();
  }

  #nextRound(): void {
    if (this.#waiting.size === 0 || !this.#isOpen()) return;
    const round = [...this.#waiting];
    this.#waiting.clear();
    this.#rest();
    for (const write of round) this.#begin(write);
  }

  async #look({ signal }: AbortController): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(LOOK_EVERY_MS, signal);
      this.#nextRound();
    }
  }

  /** Nobody looks where nobody waits. */
  #rest(): void {
    if (this.#waiting.size > 0) return;
    this.#looking?.abort();
    this.#looking = undefined;
  }
}

/** Keeps the turns of every connection. */
export class ConnectionTurns {
  readonly #turns = new WeakMap<ServerHttp2Session, Turns>();
  readonly #clock: Pick<Clock, "sleep" | "monotonic">;

  constructor(clock: Pick<Clock, "sleep" | "monotonic">) {
    this.#clock = clock;
  }

  /**
   * Has a stream's writes wait for their turns, and for the socket.
   *
   * @param backlog what waits in the socket of the stream's connection
   */
  seat(stream: ServerHttp2Stream, backlog: SocketBacklog): void {
    const { session } = stream;
    if (!session) return;
    writeInTurns(stream, this.#of(session as ServerHttp2Session), backlog);
  }

  #of(session: ServerHttp2Session): Turns {
    let turns = this.#turns.get(session);
    if (turns === undefined) {
      // A session that is over tells nothing and holds nobody up.
      const isFull = believed(
        () => (session.state.remoteWindowSize ?? 1) <= 0,
        this.#clock,
      );
      this.#turns.set(session, turns = new Turns(isFull, this.#clock));
    }
    return turns;
  }
}

/** A look whose answer holds for a moment. */
export function believed<T>(
  look: () => T,
  clock: Pick<Clock, "monotonic">,
): () => T {
  let lookedAt = -Infinity;
  let answer: T;
  return () => {
    const now = clock.monotonic();
    if (now - lookedAt >= BELIEVED_MS) {
      lookedAt = now;
      answer = look();
    }
    return answer;
  };
}

type Callback = (error?: Error | null) => void;

/**
 * Puts `turns` and `backlog` between a stream and what writes to it. A write
 * counts as taken when the backlog has room again, so that the memory of what
 * waits there is that of batches in flight.
 */
function writeInTurns(
  stream: ServerHttp2Stream,
  turns: Turns,
  backlog: SocketBacklog,
): void {
  const write = stream.write.bind(stream) as (
    chunk: Uint8Array,
    callback: Callback,
  ) => boolean;
  const end = stream.end.bind(stream);
  /** Writes that wait for their turn. */
  const held = new Set<() => void>();
  /** Writes and callbacks that wait for room in the socket. */
  const blocked = new Set<() => void>();
  let under = 0;
  const through = () => {
    under--;
    turns.done();
  };
  const block = (run: () => void) => {
    const resume = () => {
      blocked.delete(resume);
      run();
    };
    blocked.add(resume);
    backlog.wait(resume);
  };
  const begin = (chunk: Uint8Array, callback?: Callback) => {
    under++;
    write(chunk, (error) => {
      // What was under way when the stream closed has been counted then.
      if (under > 0) through();
      if (!callback) return;
      if (backlog.isFull) block(() => callback(error));
      else callback(error);
    });
  };
  const inTurn = (chunk: Uint8Array, callback?: Callback) => {
    if (turns.enter()) begin(chunk, callback);
    else {
      const run = () => {
        held.delete(run);
        begin(chunk, callback);
      };
      held.add(run);
      turns.take(run);
    }
  };
  const clear = () => {
    for (const run of blocked) backlog.cancel(run);
    blocked.clear();
  };
  stream.write = ((chunk: Uint8Array, callback?: Callback): boolean => {
    if (backlog.isFull) block(() => inTurn(chunk, callback));
    else inTurn(chunk, callback);
    return true;
  }) as typeof stream.write;
  stream.end = (() => {
    // Without room, what is left of the stream would wait for a client that
    // does not read; its status may still arrive in time.
    clear();
    // The last words come after everything else, so nothing is held any more.
    for (const run of [...held]) turns.force(run);
    return end();
  }) as typeof stream.end;
  stream.once("close", () => {
    clear();
    for (const run of held) turns.leave(run);
    held.clear();
    while (under > 0) through();
  });
}
