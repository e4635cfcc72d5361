/**
 * Pairs of sessions that have ended, which keep their references for {@linkcode RELEASE_MS}, so
 * that a session that follows unsubscribes nothing: it takes over those that it subscribes again.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import { type Pair, pairKey } from "../../domain/subscription/pairs.ts";
import type { Clock } from "../ports/clock.ts";
import type { EdgeSession } from "./edge_sessions.ts";

/** How long the pairs of a session that has ended are kept, in ms. */
const RELEASE_MS = 5_000;

/** One edge on one feed. */
type Owner = Pick<EdgeSession, "edge" | "feed">;

/** The pairs of one session. */
interface Kept extends Owner {
  readonly pairs: Map<string, Pair>;
  /** Monotonic ms at which they are released. */
  readonly at: number;
}

/** Keeps pairs, of which one edge has each once at most. */
export class KeptPairs {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #release: (feed: FeedId, pairs: readonly Pair[]) => void;
  /** In the order of their times. */
  #kept: Kept[] = [];

  /** @param release removes the references of pairs */
  constructor(
    clock: Pick<Clock, "monotonic">,
    release: (feed: FeedId, pairs: readonly Pair[]) => void,
  ) {
    this.#clock = clock;
    this.#release = release;
  }

  /** Keeps the pairs of a session that has ended. */
  keep({ edge, feed, pairs }: Owner & Pick<Kept, "pairs">): void {
    if (pairs.size === 0) return;
    this.#kept.push({ edge, feed, pairs, at: this.#clock.monotonic() + RELEASE_MS });
  }

  /** Number of references of a pair, by its key. */
  count(owner: Owner, key: string): number {
    return this.#of(owner).filter(({ pairs }) => pairs.has(key)).length;
  }

  /** Returns those of the pairs that are not kept. */
  without(owner: Owner, pairs: readonly Pair[]): readonly Pair[] {
    const kept = this.#of(owner);
    return pairs.filter((pair) => !kept.some(({ pairs }) => pairs.has(pairKey(pair))));
  }

  /** Leaves the references of pairs to a session. */
  take(owner: Owner, pairs: readonly Pair[]): void {
    for (const kept of this.#of(owner)) {
      for (const pair of pairs) kept.pairs.delete(pairKey(pair));
    }
  }

  /** Releases what is kept, except some pairs. */
  releaseExcept(owner: Owner, pairs: readonly Pair[]): void {
    const except = new Set(pairs.map(pairKey));
    for (const { feed, pairs } of this.#of(owner)) {
      const released = [...pairs].filter(([key]) => !except.has(key));
      for (const [key] of released) pairs.delete(key);
      this.#release(feed, released.map(([, pair]) => pair));
    }
  }

  /** Releases what is due at a time, in monotonic ms. */
  releaseDue(now: number): void {
    while (this.#kept[0] && this.#kept[0].at <= now) {
      const { feed, pairs } = this.#kept.shift() as Kept;
      this.#release(feed, [...pairs.values()]);
    }
  }

  #of({ edge, feed }: Owner): readonly Kept[] {
    return this.#kept.filter((kept) => kept.edge === edge && kept.feed === feed);
  }
}
