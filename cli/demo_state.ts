/**
 * The state of the demo, as plain data; the view is a function of it.
 *
 * @module
 */
import type { ChannelName } from "../src/domain/market/channels.ts";
import type { FeedStatus, OrderUpdate } from "../src/gen/cream/v1/stream_proxy_pb.ts";

/** Figures of one client stream. */
export interface StreamFigures {
  readonly total: number;
  /** Of the last whole second. */
  readonly perSecond: number;
  /** `perSecond` of the last seconds, oldest first. */
  readonly history: readonly number[];
  /** Age of a message on arrival, in ms; undefined if unknown. */
  readonly median: number | undefined;
  /** The 99th percentile of the same. */
  readonly slowest: number | undefined;
  /** Messages that the proxy reports as lost to slow streams. */
  readonly lost: number;
}

/** Best bid and ask of an instrument. */
export interface TopOfBook {
  readonly bidPrice: number;
  readonly bidSize: number;
  readonly askPrice: number;
  readonly askSize: number;
}

/** Last known values of one stock or contract. */
export interface InstrumentRow {
  readonly symbol: string;
  /** False while the feed is not connected or has sent nothing since. */
  readonly live: boolean;
  readonly book?: TopOfBook;
  readonly trade?: {
    readonly price: number;
    readonly size: number;
    /** Compared with the previous trade. */
    readonly direction: -1 | 0 | 1;
  };
  readonly bar?: {
    readonly open: number;
    readonly high: number;
    readonly low: number;
    readonly close: number;
    readonly volume: bigint;
  };
}

/** An event that is shown to the user. */
export interface DemoEvent {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly tone: "good" | "bad" | "plain";
  readonly text: string;
}

/** Addresses of the demo's proxy. */
export interface DemoAddresses {
  /** `localhost:50052`. */
  readonly grpc: string;
  readonly health: string;
  readonly metrics: string;
}

/** Everything that is shown. */
export interface DemoState {
  readonly addresses: DemoAddresses;
  readonly elapsedMs: number;
  /** Messages per second of the simulator. */
  readonly messagesPerSecond: number;
  readonly feeds: readonly FeedStatus[];
  readonly streams: Readonly<Record<ChannelName, StreamFigures>>;
  readonly stocks: readonly InstrumentRow[];
  readonly options: readonly InstrumentRow[];
  /** Newest first. */
  readonly orders: readonly OrderUpdate[];
  /** Newest first. */
  readonly events: readonly DemoEvent[];
}
