/**
 * Times without a message.
 *
 * @module
 */
import type { Span } from "./sessions.ts";

/** A shorter time without messages is usual. */
const USUAL_MS = 500;

/** Times in which a client has received nothing. */
export class Silences {
  readonly spans: Span[] = [];
  #last: number | undefined;

  /** Records that a message was received. */
  add(at: number): void {
    const from = this.#last;
    if (from !== undefined && at - from > USUAL_MS) this.spans.push({ from, to: at });
    this.#last = at;
  }
}
