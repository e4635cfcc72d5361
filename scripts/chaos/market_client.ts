/**
 * A gRPC client that follows a stream of market data, resumes it elsewhere when it ends, and
 * verifies what it has received.
 *
 * @module
 */
import { type DescMethodServerStreaming, type JsonObject, toJson } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { parseAddress } from "../../cli/address.ts";
import { RpcClient, RpcError } from "../../client/rpc_client.ts";
import {
  type Notice,
  NoticeSchema,
  Origin,
  type StreamQuotesResponse,
  type StreamTradesResponse,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { StreamProxyService } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import type { Item, NoticeJson, ProducedMessage } from "../completeness/records.ts";
import { type StreamResult, StreamVerifier } from "../completeness/verify.ts";
import { type Addresses, KEEP_ALIVE } from "./addresses.ts";
import { FreshnessCheck } from "./freshness_check.ts";
import { Silences } from "./silences.ts";

/** What a client streams. */
export interface MarketPlan {
  readonly name: string;
  readonly channel: "quotes" | "trades";
  readonly symbols: readonly string[];
  /** Whether what an outage has missed is fetched from REST. */
  readonly backfill: boolean;
  /** Seconds after which it opens its stream again; 0 for never. */
  readonly reopenSeconds: number;
}

const METHODS: Readonly<Record<MarketPlan["channel"], DescMethodServerStreaming>> = {
  quotes: StreamProxyService.method.streamQuotes,
  trades: StreamProxyService.method.streamTrades,
};

const ORIGINS: Readonly<Partial<Record<Origin, string>>> = {
  [Origin.LIVE]: "live",
  [Origin.SNAPSHOT]: "snapshot",
  [Origin.REPLAY]: "replay",
  [Origin.BACKFILL]: "backfill",
};

/** Follows a stream from its construction until it is stopped. */
export class MarketClient {
  readonly name: string;
  readonly silences = new Silences();
  /** Data messages so far. */
  received = 0;
  /** How often each error has ended a call. */
  readonly ends = new Map<string, number>();
  readonly #plan: MarketPlan;
  readonly #addresses: Addresses;
  readonly #verifier: StreamVerifier;
  readonly #check = new FreshnessCheck();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #epoch = "";
  #position = 0n;

  constructor(plan: MarketPlan, addresses: Addresses) {
    this.name = plan.name;
    this.#plan = plan;
    this.#addresses = addresses;
    const { name, channel, symbols } = plan;
    const expected = { name, channel, symbols, isLatest: false, isAcknowledged: false };
    this.#verifier = new StreamVerifier(expected);
    this.#running = this.#run();
  }

  /** Whether its stream has begun. */
  get isOpen(): boolean {
    return this.#epoch !== "";
  }

  /** Ends the stream. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Compares what it has received with what was produced. */
  result(produced: Iterable<ProducedMessage>): StreamResult {
    const result = this.#verifier.finish(produced);
    return { ...result, problems: [...result.problems, ...this.#check.problems] };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        const { code, details } = error instanceof RpcError ? error : {
          code: "ERROR",
          details: String(error),
        };
        const end = `${code}: ${details}`;
        this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
        await this.#addresses.next(signal);
      }
    }
  }

  async #follow(stop: AbortSignal): Promise<void> {
    const { channel, reopenSeconds } = this.#plan;
    const reopen = reopenSeconds > 0 ? [AbortSignal.timeout(reopenSeconds * 1_000)] : [];
    const signal = AbortSignal.any([stop, ...reopen]);
    using client = new RpcClient(parseAddress(this.#addresses.current, "an edge"), KEEP_ALIVE);
    let isOpen = false;
    const batches = client.stream(METHODS[channel], this.#request(), { signal });
    for await (const batch of batches as AsyncIterable<readonly unknown[]>) {
      if (!isOpen) this.#add({ kind: "open", at: Date.now() });
      isOpen = true;
      for (const response of batch) this.#receive(response as Response);
    }
    if (!signal.aborted) throw new RpcError("OK", "the stream has ended");
  }

  #request() {
    const { symbols, backfill } = this.#plan;
    return {
      symbols: [...symbols],
      options: {
        meta: true,
        notices: true,
        backfill,
        heartbeatInterval: { seconds: 1n },
        ...this.#epoch && { resume: { epoch: this.#epoch, sequence: this.#position } },
      },
    };
  }

  #receive({ notice, meta, ...response }: Response): void {
    const at = Date.now();
    if (notice) return this.#receiveNotice(notice, at);
    const data = "quote" in response
      ? response.quote
      : "trade" in response
      ? response.trade
      : undefined;
    if (!data || !meta) return;
    const { sequence, symbolSequence } = meta;
    const origin = ORIGINS[meta.origin] ?? String(meta.origin);
    if (origin === "live" || origin === "replay") this.#position = sequence;
    this.received++;
    this.silences.add(at);
    this.#add({
      kind: "data",
      at,
      sequence: Number(sequence),
      symbolSequence: Number(symbolSequence),
      origin,
      symbol: data.symbol,
      key: keyOf(data),
      receivedAt: meta.receivedAt ? timestampMs(meta.receivedAt) : 0,
    });
  }

  #receiveNotice(notice: Notice, at: number): void {
    const { kind } = notice;
    if (kind.case === "hello") {
      const { epoch, sequence, resumed } = kind.value;
      if (epoch !== this.#epoch || !resumed) this.#position = sequence;
      this.#epoch = epoch;
    } else if (kind.case === "heartbeat" || kind.case === "caughtUp") {
      const { sequence } = kind.value;
      if (sequence > this.#position) this.#position = sequence;
    }
    const json = toJson(NoticeSchema, notice) as JsonObject;
    this.#add({ kind: "notice", at, notice: json as unknown as NoticeJson });
  }

  #add(item: Item): void {
    this.#verifier.add(item);
    this.#check.add(item);
  }
}

type Response = StreamQuotesResponse | StreamTradesResponse;

/** As in the ledger of `scripts/completeness`. */
function keyOf(
  data: {
    readonly timestamp?: Timestamp | undefined;
    readonly tradeId?: bigint | undefined;
    readonly bidPrice?: number | undefined;
    readonly askPrice?: number | undefined;
  },
): string {
  const { timestamp, tradeId, bidPrice = 0, askPrice = 0 } = data;
  const at = `${timestamp?.seconds}.${String(timestamp?.nanos).padStart(9, "0")}`;
  return tradeId === undefined
    ? `${at} ${Math.round(bidPrice * 10_000)} ${Math.round(askPrice * 10_000)}`
    : `${at} ${tradeId}`;
}
