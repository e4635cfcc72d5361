/**
 * The edges of a hub: one session per edge and feed, which ends without signs of life.
 *
 * @module
 */
import { PairDigest } from "../../domain/cluster/pair_digest.ts";
import { publicNameOf } from "../../domain/cluster/edge_name.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import type { Pair } from "../../domain/subscription/pairs.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { EdgeReport } from "../status/reports.ts";
import type { SubscribeReply } from "./messages.ts";

/** Time after which a session without a sign of life ends: three missed ones. */
const EXPIRY_MS = 6_000;

/** A request that waits for upstream. */
interface PendingRequest {
  readonly pairs: readonly Pair[];
  /** Those that the session did not have before. */
  readonly added: readonly Pair[];
  readonly answer: (reply: SubscribeReply) => void;
  /** Monotonic ms. */
  readonly until: number;
}

/** One edge on one feed. */
export interface EdgeSession {
  readonly edge: string;
  readonly feed: FeedId;
  readonly term: bigint;
  readonly pairs: Map<string, Pair>;
  readonly digest: PairDigest;
  /** Monotonic ms of the last sign of life. */
  seenAt: number;
  pending: PendingRequest | undefined;
  /** States that were sent without a request. */
  states: number;
}

/** An edge with its sessions. */
interface Edge {
  readonly name: string;
  /** Whether it has continued a session; otherwise it makes room for others. */
  hasContinued: boolean;
  /** Wall clock ms. */
  readonly attachedAt: number;
  readonly sessions: Map<FeedId, EdgeSession>;
}

/** What the sessions of edges need. */
interface EdgeSessionsOptions {
  readonly maxEdges: number;
  /** Called with each session that ends, whose pairs are not needed by it any more. */
  readonly onEnd: (session: EdgeSession) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** The sessions of all edges. */
export class EdgeSessions {
  readonly #options: EdgeSessionsOptions;
  /** By their public names, the one that has attached first first. */
  readonly #edges = new Map<string, Edge>();

  constructor(options: EdgeSessionsOptions) {
    this.#options = options;
  }

  /** Number of edges. */
  get size(): number {
    return this.#edges.size;
  }

  /** The session of an edge on a feed. */
  find({ edge, feed }: Pick<EdgeSession, "edge" | "feed">): EdgeSession | undefined {
    return this.#edgeOf(edge)?.sessions.get(feed);
  }

  /** The sessions of a feed. */
  *of(feed: FeedId): Generator<EdgeSession> {
    for (const { sessions } of this.#edges.values()) {
      const session = sessions.get(feed);
      if (session) yield session;
    }
  }

  /** Describes why an edge can have no session. */
  problemOf(edge: string): string | undefined {
    const { maxEdges } = this.#options;
    if (this.#edgeOf(edge)) return undefined;
    if (this.#edges.has(publicNameOf(edge))) return "Another edge has this name";
    if (this.#edges.size < maxEdges || this.#oldestNew()) return undefined;
    return `The hub has ${maxEdges} edges, the most it allows`;
  }

  /** Whether an edge has a session. */
  has(edge: string): boolean {
    return this.#edgeOf(edge) !== undefined;
  }

  /**
   * Begins a session, in the place of the one that the edge had on the feed. Without room for an
   * edge, the oldest one that has not continued a session makes room.
   */
  begin({ edge, feed, term }: Pick<EdgeSession, "edge" | "feed" | "term">): void {
    const { clock, onEnd } = this.#options;
    const known = this.#edgeOf(edge) ?? this.#add(edge);
    const before = known.sessions.get(feed);
    if (before) onEnd(before);
    known.sessions.set(feed, {
      edge,
      feed,
      term,
      pairs: new Map(),
      digest: new PairDigest(),
      seenAt: clock.monotonic(),
      pending: undefined,
      states: 0,
    });
  }

  /** Records a sign of life. */
  seen(session: EdgeSession): void {
    session.seenAt = this.#options.clock.monotonic();
  }

  /** Records that a session continues, which edges show every two seconds. */
  continued(session: EdgeSession): void {
    this.seen(session);
    const edge = this.#edgeOf(session.edge);
    if (!edge || edge.hasContinued) return;
    edge.hasContinued = true;
    const { log } = this.#options;
    log.info("Edge attached", { edge: publicNameOf(edge.name), edges: this.#edges.size });
  }

  /**
   * Ends the sessions without a sign of life.
   *
   * @param isLate whether signs of life may wait to be received
   */
  expire(now: number, isLate: boolean): void {
    const { log, onEnd } = this.#options;
    for (const { name, sessions, hasContinued } of this.#edges.values()) {
      const edge = publicNameOf(name);
      for (const session of sessions.values()) {
        if (isLate) session.seenAt = Math.max(session.seenAt, now - EXPIRY_MS / 2);
        if (now - session.seenAt < EXPIRY_MS) continue;
        sessions.delete(session.feed);
        onEnd(session);
      }
      if (sessions.size > 0) continue;
      this.#edges.delete(edge);
      if (hasContinued) log.warn("Edge expired", { edge, edges: this.#edges.size });
    }
  }

  /** Ends all sessions. */
  clear(): void {
    const sessions = [...this.#edges.values()].flatMap((edge) => [...edge.sessions.values()]);
    this.#edges.clear();
    for (const session of sessions) this.#options.onEnd(session);
  }

  /** Reports every edge. */
  reports(): readonly EdgeReport[] {
    const now = this.#options.clock.monotonic();
    return Array.from(this.#edges.values(), ({ name, attachedAt, sessions }) => {
      const all = [...sessions.values()];
      return {
        edge: publicNameOf(name),
        attachedAt,
        feeds: all.map(({ feed }) => feed),
        pairs: all.reduce((sum, { pairs }) => sum + pairs.size, 0),
        silenceMs: Math.min(...all.map(({ seenAt }) => now - seenAt)),
      };
    });
  }

  #edgeOf(name: string): Edge | undefined {
    const edge = this.#edges.get(publicNameOf(name));
    return edge?.name === name ? edge : undefined;
  }

  #add(name: string): Edge {
    const { maxEdges, clock, onEnd } = this.#options;
    const oldest = this.#edges.size < maxEdges ? undefined : this.#oldestNew();
    if (oldest) {
      this.#edges.delete(publicNameOf(oldest.name));
      for (const session of oldest.sessions.values()) onEnd(session);
    }
    const edge = { name, hasContinued: false, attachedAt: clock.now(), sessions: new Map() };
    this.#edges.set(publicNameOf(name), edge);
    return edge;
  }

  #oldestNew(): Edge | undefined {
    return this.#edges.values().find(({ hasContinued }) => !hasContinued);
  }
}
