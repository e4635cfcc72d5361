/**
 * The audit log: one line for each stream when it ends, and for openings that are refused.
 *
 * Lines are limited in number, because a client can open and end streams in a loop: what is left
 * out is counted in the next line. docs/security.md describes the fields.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { StreamReport } from "../status/reports.ts";

/** Lines of ended streams that are written together, and per ms after that. */
const BURST = 2_000;
const LINES_PER_MS = 0.1;
/** Shortest time between two lines about refusals of one client for one reason, in ms. */
const REFUSED_EVERY_MS = 10_000;
/** Clients and reasons of which refusals are counted apart. */
const MAX_REFUSED = 1_000;

/** Why a stream has ended. */
export interface StreamEnd {
  /** `fault`: a defect of the proxy. */
  readonly by: "client" | "proxy" | "fault";
  /** Status and message that the client was sent; absent when the client has ended it. */
  readonly status?: string | undefined;
}

/** A stream that was not opened. */
interface RefusedStream {
  readonly identity: string;
  readonly peer: string;
  readonly rpc: string;
  /** Name of the status. */
  readonly status: string;
  /** Message of the status. */
  readonly reason: string;
}

/** Writes the audit log of streams. */
export class StreamAudit {
  readonly #log: Log;
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  #tokens = BURST;
  #refilledAt: number;
  /** Ended streams without a line since the last one. */
  #omitted = 0;
  readonly #refused = new Map<string, { at: number; count: number }>();

  constructor(log: Log, clock: Pick<Clock, "now" | "monotonic">) {
    this.#log = log.with({ audit: "stream" });
    this.#clock = clock;
    this.#refilledAt = clock.monotonic();
  }

  /** A stream was opened. */
  opened(stream: StreamReport): void {
    this.#log.debug("Stream opened", who(stream));
  }

  /** A stream has ended. */
  ended(stream: StreamReport, end: StreamEnd): void {
    if (!this.#takeToken()) {
      this.#omitted++;
      return;
    }
    const { openedAt, sent, bytes, dropped, options } = stream;
    this.#log.info("Stream ended", {
      ...who(stream),
      duration_ms: Math.max(0, Math.round(this.#clock.now() - openedAt)),
      messages: sent,
      bytes,
      dropped,
      conflated: options?.conflated,
      ended_by: end.by,
      status: end.status,
      omitted: this.#omitted || undefined,
    });
    this.#omitted = 0;
  }

  /** The opening of a stream was refused. */
  refused({ identity, peer, rpc, status, reason }: RefusedStream): void {
    const now = this.#clock.monotonic();
    // Without the port, which differs for each connection.
    const address = peer.slice(0, Math.max(0, peer.lastIndexOf(":"))) || peer;
    const key = `${identity} ${address} ${rpc} ${status}`;
    const last = this.#refused.get(key);
    if (last !== undefined && now - last.at < REFUSED_EVERY_MS) {
      last.count++;
      return;
    }
    if (last === undefined && this.#refused.size >= MAX_REFUSED) {
      const [oldest] = this.#refused.keys();
      if (oldest !== undefined) this.#refused.delete(oldest);
    }
    // At the end, so that the first entry is the oldest.
    this.#refused.delete(key);
    this.#refused.set(key, { at: now, count: 0 });
    if (!this.#takeToken()) return;
    this.#log.info("Stream refused", {
      identity: identity || undefined,
      peer,
      rpc,
      status,
      reason,
      repeated: last?.count || undefined,
    });
  }

  #takeToken(): boolean {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#refilledAt) * LINES_PER_MS);
    this.#refilledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

/** Who has a stream, and what it is. */
function who(
  { id, identity, credential, peer, userAgent, rpc, filter, filterSize, options }: StreamReport,
) {
  return {
    stream: id,
    identity: identity || undefined,
    credential,
    peer,
    user_agent: userAgent,
    rpc,
    filter,
    symbols: filterSize,
    options: options?.names?.join(",") || undefined,
    delivery: options?.delivery,
  };
}
