/**
 * The streams and connections of clients that are open: what they received, whether they progress,
 * and how they are ended.
 *
 * @module
 */
import type { StreamKind } from "../../domain/market/channels.ts";
import type { StreamAudit } from "../admin/stream_audit.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { Clock } from "../ports/clock.ts";
import type { ProxyCounters } from "../status/counters.ts";
import { truncate } from "../status/recent_errors.ts";
import type { OptionsReport, StreamReport } from "../status/reports.ts";
import { WallStamp } from "../status/wall_stamp.ts";
import { AnnotatedStream } from "./annotated_stream.ts";
import { endStreams } from "./end_streams.ts";
import type { ClientConnection, StreamClient } from "./market_streams.ts";
import type { RequestReport } from "./stream_filters.ts";

/** Stalled streams that one call ends: each costs some 30 µs. */
const MOST_STALLED = 500;

/** Characters that are kept of a client's name for itself. */
const MAX_AGENT = 80;

/** A stream, as far as it is reported and ended. */
export interface TrackedStream extends Disposable {
  readonly sent: number;
  readonly queued: number;
  readonly dropped: number;
  readonly fill: number;
  /** The event that is taken next. */
  readonly oldest: Envelope<unknown> | undefined;
  /** Only of a stream with options. */
  readonly optionsReport?: OptionsReport;
  shorten(length: number): void;
  end(): void;
}

/** A stream that was opened for a client. */
interface NewStream {
  readonly stream: TrackedStream;
  readonly channel: StreamKind;
  readonly describe: () => RequestReport;
  readonly client: StreamClient;
}

/** An open stream, and when it last progressed. */
interface ClientStream extends NewStream {
  readonly id: string;
  readonly number: number;
  readonly opened: WallStamp;
  /** What the client calls itself. */
  readonly userAgent: string | undefined;
  /** Monotonic ms at which the queue was last seen empty or an event was taken. */
  progressAt: number;
  /** Value of `sent` at that time. */
  sentThen: number;
  /** Value of `dropped` at the last call of `takeDropped`. */
  droppedThen: number;
}

/** Dependencies of {@linkcode ClientStreams}. */
interface ClientStreamsOptions {
  readonly clock: Clock;
  /** Start of the ids by which operators name streams: another process has another one. */
  readonly idPrefix: string;
  /** Logs the streams. @default none */
  readonly audit?: Pick<StreamAudit, "opened" | "ended"> | undefined;
  /** Counts stalled streams. */
  readonly counters: Pick<ProxyCounters, "refusals">;
  /** Removes secrets from the names that clients give themselves. @default removes none */
  readonly clean?: ((text: string) => string) | undefined;
}

/** Tracks the streams and connections of clients. */
export class ClientStreams {
  /** Start of the ids of streams. */
  readonly idPrefix: string;
  readonly #options: ClientStreamsOptions;
  readonly #open = new Set<ClientStream>();
  /** Connections that end with all streams, also without one. */
  readonly #connections = new Set<ClientConnection>();
  /** Streams opened so far. */
  #opened = 0;

  constructor(options: ClientStreamsOptions) {
    this.#options = options;
    this.idPrefix = options.idPrefix;
  }

  /** Number of open streams. */
  get count(): number {
    return this.#open.size;
  }

  /** Adds an open stream, until `closing` is disposed. */
  add(closing: DisposableStack, stream: NewStream): void {
    const { clock, audit, clean = (text) => text } = this.#options;
    const { userAgent } = stream.client;
    const open: ClientStream = {
      ...stream,
      id: `${this.idPrefix}-${++this.#opened}`,
      number: this.#opened,
      opened: new WallStamp(clock),
      userAgent: userAgent && truncate(clean(userAgent), MAX_AGENT),
      progressAt: clock.monotonic(),
      sentThen: 0,
      droppedThen: 0,
    };
    this.#open.add(open);
    audit?.opened(reportOf(open));
    closing.defer(() => {
      audit?.ended(reportOf(open), stream.client.end?.() ?? { by: "client" });
      this.#open.delete(open);
    });
  }

  /** Reports how many events every open stream was sent and has dropped. */
  reports(): readonly StreamReport[] {
    return Array.from(this.#open, reportOf);
  }

  /** Reports a page of the open streams, the oldest first. */
  page({ after, limit, identity }: {
    /** Number of the last stream of the page before; 0 for the first page. */
    readonly after: number;
    readonly limit: number;
    /** Only streams of this identity; "" for all. */
    readonly identity: string;
  }): { readonly reports: readonly StreamReport[]; readonly isLast: boolean } {
    const reports: StreamReport[] = [];
    for (const open of this.#open) {
      if (open.number <= after || (identity !== "" && open.client.identity !== identity)) continue;
      if (reports.length === limit) return { reports, isLast: false };
      reports.push(reportOf(open));
    }
    return { reports, isLast: true };
  }

  /** The fill of the fullest queue of each kind of stream, 0 to 1; none without streams. */
  fullestQueues(): ReadonlyMap<StreamKind, number> {
    const fullest = new Map<StreamKind, number>();
    for (const { channel, stream: { fill } } of this.#open) {
      if (fill >= (fullest.get(channel) ?? 0)) fullest.set(channel, fill);
    }
    return fullest;
  }

  /** Reports the streams that have dropped events since the last call, and how many. */
  takeDropped(): StreamReport[] {
    const reports: StreamReport[] = [];
    for (const open of this.#open) {
      const dropped = open.stream.dropped - open.droppedThen;
      if (dropped === 0) continue;
      open.droppedThen += dropped;
      reports.push({ ...reportOf(open), dropped });
    }
    return reports;
  }

  /**
   * Ends, counts and reports the streams with messages queued of which none was taken for
   * `stalledMs`, at most {@linkcode MOST_STALLED} of them. To be called regularly: progress is the
   * difference to the last call.
   */
  endStalled(stalledMs: number): StreamReport[] {
    const { clock, counters: { refusals } } = this.#options;
    const now = clock.monotonic();
    const ended: StreamReport[] = [];
    for (const open of [...this.#open]) {
      const { stream, client } = open;
      const { queued, sent } = stream;
      if (queued === 0 || sent !== open.sentThen) {
        open.sentThen = sent;
        open.progressAt = now;
      }
      const stalled = { queued, stalledMs: now - open.progressAt };
      if (stalled.stalledMs < stalledMs || ended.length >= MOST_STALLED) continue;
      ended.push(reportOf(open));
      refusals.stalled++;
      // What is queued counts as dropped.
      stream.shorten(0);
      client.onStall?.(stalled);
      stream.end();
    }
    return ended;
  }

  /**
   * Sends a notice to the streams with notices of a client that it has to leave within `graceMs`.
   *
   * @param peer address and port of the client
   */
  announceEnd(peer: string, reason: string, graceMs: number): void {
    for (const { stream, client } of this.#open) {
      if (client.peer === peer && stream instanceof AnnotatedStream) {
        stream.draining(reason, graceMs);
      }
    }
  }

  /** Ends a connection together with all streams from now on; disposing the result undoes it. */
  trackConnection(connection: ClientConnection): Disposable {
    this.#connections.add(connection);
    return { [Symbol.dispose]: () => void this.#connections.delete(connection) };
  }

  /**
   * Ends every open stream, and every tracked connection, within `graceMs`, one after the other;
   * streams with notices receive one first. Resolves when the last one was asked to end, or when
   * the signal fires: those that are left stay open then.
   */
  async endAll(reason: string, graceMs: number, signal?: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const all = this.#open;
    const connections = this.#connections;
    const tracked = [...connections];
    const streams = Array.from(all, (open) => {
      const { stream, client } = open;
      const isNoticed = stream instanceof AnnotatedStream && stream.options.notices;
      return {
        get isOpen() {
          return all.has(open);
        },
        announce: isNoticed ? (text: string, ms: number) => stream.draining(text, ms) : undefined,
        end: (text: string) => client.onEnd?.(text),
      };
    });
    const idle = tracked.filter(({ hasStream }) => !hasStream).map((connection) => ({
      get isOpen() {
        return connections.has(connection);
      },
      announce: undefined,
      end: (text: string) => connection.shutDown(text),
    }));
    await endStreams([...streams, ...idle], { reason, graceMs, clock, signal });
    if (signal?.aborted) return;
    // Clients may have ended their streams meanwhile, and not their connections.
    for (const connection of tracked) connection.shutDown(reason);
  }

  /**
   * Ends one stream.
   *
   * @returns its report; `undefined` when no stream with this id is open
   */
  end(id: string, reason: string): StreamReport | undefined {
    for (const open of this.#open) {
      if (open.id !== id) continue;
      const report = reportOf(open);
      open.client.onEnd?.(reason);
      return report;
    }
    return undefined;
  }

  /**
   * Ends the streams of a client, and its tracked connection, by its address and port; returns the
   * number of streams.
   */
  endOf(peer: string, reason: string): number {
    const own = Array.from(this.#open).filter(({ client }) => client.peer === peer);
    for (const { client } of own) client.onEnd?.(reason);
    for (const connection of [...this.#connections]) {
      if (connection.peer === peer) connection.shutDown(reason);
    }
    return own.length;
  }
}

/** Reports how many events a stream was sent and has dropped. */
function reportOf(open: ClientStream): StreamReport {
  const { stream, channel, describe, client, opened } = open;
  const { sent, queued, dropped, oldest, optionsReport } = stream;
  return {
    id: open.id,
    channel,
    identity: client.identity,
    credential: client.credential,
    rpc: client.rpc,
    peer: client.peer,
    userAgent: open.userAgent,
    ...describe(),
    openedAt: opened.at,
    sent,
    bytes: client.written?.bytes,
    queued,
    dropped,
    oldestQueuedAt: oldest?.receivedAt,
    options: optionsReport,
  };
}
