/**
 * What a reader process is told to open, and what it reports.
 *
 * @module
 */

/** Streams to open. */
export interface ReaderPlan {
  readonly port: number;
  /** Whose symbols; quiet ones never tick. */
  readonly market: "stock" | "option" | "quiet";
  readonly connections: number;
  readonly streamsPerConnection: number;
  /** Consecutive symbols per stream. @default 0, which means all */
  readonly symbolsPerStream?: number;
  /** Number of the first symbol of the first stream. @default 0 */
  readonly firstSymbol?: number;
  /** False: streams that are never read. @default true */
  readonly read?: boolean;
}

/** What has come so far. */
export interface ReaderReport {
  /** Whole messages. */
  readonly messages: number;
  /** Bytes of gRPC messages with their prefixes. */
  readonly bytes: number;
  /** Streams that the server ended. */
  readonly ended: number;
  /** When this was so, in ms of the reader's own monotonic time. */
  readonly at: number;
}

/** Latencies from the feeder's sending to the reader's receiving, in µs. */
export interface Latency {
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}
