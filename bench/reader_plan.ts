/**
 * The streams that a reader process opens, and its reports.
 *
 * @module
 */

/** Streams to open. */
export interface ReaderPlan {
  readonly port: number;
  /** PEM text of the CA of the port's certificate. @default none: the port has no TLS */
  readonly ca?: string;
  /** Kind of the symbols; quiet ones have no quotes. */
  readonly market: "stock" | "option" | "quiet";
  readonly connections: number;
  readonly streamsPerConnection: number;
  /** Consecutive symbols per stream. @default 0, which means all */
  readonly symbolsPerStream?: number;
  /** Number of the first symbol of the first stream. @default 0 */
  readonly firstSymbol?: number;
  /** True: every message carries its metadata. @default false */
  readonly meta?: boolean;
  /** False: streams that are never read. @default true */
  readonly read?: boolean;
}

/** Totals received so far. */
export interface ReaderReport {
  /** Complete messages. */
  readonly messages: number;
  /** WebSocket frames with messages; 0 over gRPC. */
  readonly frames: number;
  /** Bytes of gRPC messages with their prefixes. */
  readonly bytes: number;
  /** Streams that the server ended. */
  readonly ended: number;
  /** Time of the report, in ms of the reader's monotonic clock. */
  readonly at: number;
}

/** Latencies from the feeder's write to the reader's read, in µs. */
export interface Latency {
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}
