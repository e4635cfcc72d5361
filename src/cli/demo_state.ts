/**
 * What the demo shows, as plain data: a view is a function of it.
 *
 * @module
 */
import type { ChannelName } from "../domain/market/channels.ts";
import type {
  FeedStatus,
  OrderUpdate,
} from "../gen/cream/v1/stream_proxy_pb.ts";

/** Figures of one client stream. */
export interface StreamFigures {
  readonly total: number;
  /** Of the last whole second. */
  readonly perSecond: number;
  /** `perSecond` of the last seconds, oldest first. */
  readonly history: readonly number[];
  /** Milliseconds from the message's own time to us; undefined if unknown. */
  readonly median: number | undefined;
  /** The same for the slowest of a hundred. */
  readonly slowest: number | undefined;
  /** Messages that the proxy reports as lost to slow streams. */
  readonly lost: number;
}

/** Best bid and ask of an instrument. */
export interface BookRow {
  readonly bidPrice: number;
  readonly bidSize: number;
  readonly askPrice: number;
  readonly askSize: number;
}

/** Last known values of one stock or contract. */
export interface InstrumentRow {
  readonly symbol: string;
  /** False when the feed is not connected, or nothing came since it is again. */
  readonly live: boolean;
  readonly book?: BookRow;
  readonly trade?: {
    readonly price: number;
    readonly size: number;
    /** Compared with the trade before. */
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

/** Something that happened, for the user. */
export interface News {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly tone: "good" | "bad" | "plain";
  readonly text: string;
}

/** Where the demo's proxy can be reached. */
export interface DemoAddresses {
  /** `localhost:50052`. */
  readonly grpc: string;
  readonly health: string;
  readonly metrics: string;
}

/** Everything on the screen. */
export interface DemoState {
  readonly addresses: DemoAddresses;
  readonly elapsedMs: number;
  /** Messages a second that the simulator was asked for. */
  readonly messagesPerSecond: number;
  readonly feeds: readonly FeedStatus[];
  readonly streams: Readonly<Record<ChannelName, StreamFigures>>;
  readonly stocks: readonly InstrumentRow[];
  readonly options: readonly InstrumentRow[];
  /** Newest first. */
  readonly orders: readonly OrderUpdate[];
  /** Newest first. */
  readonly news: readonly News[];
}
