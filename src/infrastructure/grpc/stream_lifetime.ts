/**
 * Releases HTTP/2 streams that have ended although their writes have not.
 *
 * Deno's HTTP/2 server (2.9.6) closes a stream with NO_ERROR only after its
 * writes have finished. Two ends never reach that point:
 *
 * - A client or gateway resets a stream with NO_ERROR while a write waits for
 *   flow control. The write has no stream any more, so it never finishes. Such
 *   a stream is destroyed as soon as it is aborted. Without this, the test "a
 *   reset with NO_ERROR releases a stream that its client does not read" fails
 *   until the library does it.
 * - The proxy ends a call whose client does not read. The status comes after
 *   the data, so it is never sent. After {@linkcode STATUS_GRACE_MS} the stream
 *   is reset with REFUSED_STREAM, the code that gRPC clients report as
 *   UNAVAILABLE.
 *
 * @module
 */
import { constants, type Http2Stream } from "node:http2";
import { setImmediate } from "node:timers";
import type { Clock } from "../../application/ports/clock.ts";

/** Time that a client has to take the rest of a stream and its status, in ms. */
export const STATUS_GRACE_MS = 5_000;
/** How often streams that are ending are looked at, in ms. */
const LOOK_EVERY_MS = 250;

/** Watches streams from their end until they are closed. */
export class StreamReleaser {
  readonly #clock: Pick<Clock, "sleep" | "monotonic">;
  /** When each stream ended, by the monotonic clock. */
  readonly #ending = new Map<Http2Stream, number>();
  /** Ends the looking; undefined while no stream is ending. */
  #looking: AbortController | undefined;

  constructor(clock: Pick<Clock, "sleep" | "monotonic">) {
    this.#clock = clock;
  }

  /** Has `stream` released whichever way it ends. */
  guard(stream: Http2Stream): void {
    // grpc-js listens for the first error only; unheard, one ends the process.
    stream.on("error", () => {});
    // Not in this call: the library's reader may have made it.
    stream.once("aborted", () => setImmediate(() => stream.destroy()));
    const end = stream.end as (...args: unknown[]) => typeof stream;
    stream.end = (...args: unknown[]) => {
      this.#watch(stream);
      return end.apply(stream, args);
    };
  }

  #watch(stream: Http2Stream): void {
    if (this.#ending.has(stream) || stream.destroyed) return;
    this.#ending.set(stream, this.#clock.monotonic());
    stream.once("close", () => {
      this.#ending.delete(stream);
      if (this.#ending.size > 0) return;
      this.#looking?.abort();
      this.#looking = undefined;
    });
    if (!this.#looking) void this.#look(this.#looking = new AbortController());
  }

  async #look({ signal }: AbortController): Promise<void> {
    for (;;) {
      await this.#clock.sleep(LOOK_EVERY_MS, signal);
      if (signal.aborted) return;
      const now = this.#clock.monotonic();
      for (const [stream, since] of this.#ending) {
        if (stream.closed) stream.destroy();
        else if (now - since >= STATUS_GRACE_MS) {
          stream.close(constants.NGHTTP2_REFUSED_STREAM);
          stream.destroy();
        }
      }
    }
  }
}
