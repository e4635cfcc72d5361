/**
 * What a run records: messages of the market and items of streams.
 *
 * @module
 */

/** Channels that are compared. */
export type Channel = "quotes" | "trades" | "bars";

/** A message of the market, from the simulator's ledger. */
export interface ProducedMessage {
  /** Wall clock ms. */
  readonly at: number;
  readonly channel: Channel;
  readonly symbol: string;
  /** Identifies it with its symbol and channel; see `client.py`. */
  readonly key: string;
  /** What became of it for the session; `unsent` when none was subscribed to it. */
  readonly outcome: "sent" | "waiting" | "muted" | "malformed" | "lost" | "unsent";
}

/** State of a feed, or of symbols of it, as protobuf-JSON. */
interface FeedJson {
  readonly freshness?: string;
  readonly symbols?: readonly string[];
}

/** A notice as protobuf-JSON; 64-bit numbers are text. */
export interface NoticeJson {
  readonly at: string;
  readonly hello?: {
    readonly epoch: string;
    readonly sequence?: string;
    readonly resumed?: boolean;
    readonly feed?: FeedJson;
  };
  readonly feed?: FeedJson;
  readonly subscription?: { readonly symbol: string; readonly state: string };
  readonly gap?: {
    readonly reason: string;
    readonly count?: string;
    readonly symbols?: readonly string[];
    readonly startTime?: string;
    readonly endTime?: string;
  };
  readonly heartbeat?: Readonly<
    Partial<Record<"sequence" | "published" | "delivered" | "conflated" | "lost", string>>
  >;
  readonly caughtUp?: { readonly sequence?: string; readonly count?: string };
}

/** One item that a stream has received, and when its client has read it, in wall clock ms. */
export type Item =
  & { readonly at: number }
  & (
    | { readonly kind: "open" }
    | {
      readonly kind: "data";
      readonly sequence: number;
      readonly symbolSequence: number;
      readonly origin: string;
      readonly symbol: string;
      readonly key: string;
      /** When the proxy received it, in wall clock ms. */
      readonly receivedAt: number;
    }
    | { readonly kind: "notice"; readonly notice: NoticeJson }
    | { readonly kind: "end"; readonly code: string; readonly details: string }
  );

/** Reads a line of `client.py`: the index of the stream and the item. */
export function readItem(line: string): { readonly stream: number; readonly item: Item } {
  const [stream, kind, at, ...fields] = JSON.parse(line);
  switch (kind) {
    case "data": {
      const [sequence, symbolSequence, origin, symbol, key, receivedAt] = fields;
      const data = { sequence, symbolSequence, origin, symbol, key, receivedAt };
      return { stream, item: { kind, at, ...data } };
    }
    case "notice":
      return { stream, item: { kind, at, notice: fields[0] } };
    case "end":
      return { stream, item: { kind, at, code: fields[0], details: fields[1] } };
    case "open":
      return { stream, item: { kind, at } };
    default:
      throw new Error(`Not an item: ${line}`);
  }
}
