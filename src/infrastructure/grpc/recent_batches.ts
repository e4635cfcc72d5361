/**
 * The batches that were framed a moment ago.
 *
 * Streams that want the same are woken in the same turn and mostly write the
 * same batch: the second and every later one is one copy of memory instead of
 * one for each message. Two batches are the same when they hold the same bodies
 * (the very same, which are shared by all streams) in the same order; anything
 * else is framed anew, so a wrong guess costs nothing but a look.
 *
 * @module
 */
/** Encoded messages that are written together. */
type Bodies = readonly Uint8Array[];

/** How many are remembered: a few channels may take turns. */
const REMEMBERED = 4;
/** Below this number of messages looking costs as much as framing. */
const WORTH_IT = 4;

/** Remembers a few framed batches. */
export class RecentBatches {
  readonly #bodies: Bodies[] = [];
  readonly #framed: Uint8Array[] = [];
  #next = 0;

  /** The bytes that these very bodies were framed to; nothing changes them. */
  find(bodies: Bodies): Uint8Array | undefined {
    if (bodies.length < WORTH_IT) return undefined;
    const at = this.#bodies.findIndex((others) => areSame(bodies, others));
    return this.#framed[at];
  }

  /** Remembers how bodies were framed, in the place of the oldest. */
  keep(bodies: Bodies, framed: Uint8Array): void {
    if (bodies.length < WORTH_IT) return;
    this.#bodies[this.#next] = bodies;
    this.#framed[this.#next] = framed;
    this.#next = (this.#next + 1) % REMEMBERED;
  }
}

function areSame(some: Bodies, others: Bodies): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i++) {
    if (some[i] !== others[i]) return false;
  }
  return true;
}
