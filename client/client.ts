/**
 * The client of a proxy.
 *
 * @module
 */
import type { Message } from "@bufbuild/protobuf";
import { type ConnectionStatus, StreamProxyService } from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { Acknowledger } from "./acknowledger.ts";
import { ACCEPTED_ADDRESSES, type ProxyAddress, readAddress } from "./address.ts";
import type { ChannelMessages, ChannelName, StreamFilter } from "./channels.ts";
import { type ClientClock, processClock } from "./clock.ts";
import type { Credentials } from "./credentials.ts";
import type { KeepAlive } from "./http2_connection.ts";
import type { StreamOptions } from "./options.ts";
import { RpcClient } from "./rpc_client.ts";
import { ProxyStream, type StreamStats } from "./stream.ts";

/** How to reach a proxy. */
export interface ConnectOptions extends Credentials {
  /**
   * `host:port`, `host`, `http://host:port`, or `https://host:port` for TLS.
   *
   * @default "localhost:50052"
   */
  readonly address?: string | ProxyAddress;
  /** HTTP/2 pings, which detect an unreachable proxy within 30 s. */
  readonly keepAlive?: KeepAlive;
}

/** What tests replace. */
interface Dependencies {
  readonly clock?: ClientClock;
  /** Returns a number in [0, 1). */
  readonly random?: () => number;
  readonly transport?: Pick<RpcClient, "stream" | "call" | "renew"> & Disposable;
}

/** Figures of a client. */
export interface ClientStats {
  /** Streams that are being iterated. */
  readonly streams: readonly StreamStats[];
  /** Positions that were acknowledged. */
  readonly acknowledged: number;
  /** Calls of Acknowledge that failed and were repeated. */
  readonly acknowledgeFailures: number;
}

/** Tickers, or a filter with tickers. */
export type StockFilter = readonly string[] | Pick<StreamFilter, "symbols">;
/** OCC symbols, or a filter with contracts of underlyings. */
export type OptionFilter =
  | readonly string[]
  | Pick<StreamFilter, "symbols" | "underlyings" | "selection">;
/** Symbols of orders, or a filter with order ids, client order ids and events. */
export type OrderFilter =
  | readonly string[]
  | Pick<StreamFilter, "symbols" | "orderIds" | "clientOrderIdPrefixes" | "events">;

/** The stream of a name. */
export type StreamOf<C extends ChannelName> = ProxyStream<ChannelMessages[C]>;

/**
 * A client of one proxy; all streams share one connection. An empty filter means
 * everything. Close it with `close` or `using`.
 */
export class ProxyClient implements Disposable {
  readonly #transport: Pick<RpcClient, "stream" | "call" | "renew"> & Disposable;
  readonly #clock: ClientClock;
  readonly #random: () => number;
  readonly #closed = new AbortController();
  readonly #acknowledger: Acknowledger;
  readonly #active = new Set<ProxyStream<Message>>();

  /**
   * Use `connect`.
   *
   * @internal
   * @throws {TypeError} when the address is invalid
   */
  constructor(
    { address = "localhost", keepAlive, ...credentials }: ConnectOptions = {},
    dependencies: Dependencies = {},
  ) {
    const target = typeof address === "string" ? readAddress(address) : address;
    if (target === undefined) throw new TypeError(`${address}: ${ACCEPTED_ADDRESSES}`);
    const { clock = processClock, random = Math.random, transport } = dependencies;
    this.#transport = transport ?? new RpcClient(target, keepAlive, credentials);
    this.#clock = clock;
    this.#random = random;
    const signal = this.#closed.signal;
    this.#acknowledger = new Acknowledger({ transport: this.#transport, clock, signal });
  }

  /** Best bid and offer of stocks. */
  quotes(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"quotes"> {
    return this.stream("quotes", filter, options);
  }

  /** Executions of stocks. */
  trades(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"trades"> {
    return this.stream("trades", filter, options);
  }

  /** Minute bars of stocks. */
  bars(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"bars"> {
    return this.stream("bars", filter, options);
  }

  /** Corrections of minute bars by late trades. */
  updatedBars(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"updatedBars"> {
    return this.stream("updatedBars", filter, options);
  }

  /** The running bar of the day. */
  dailyBars(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"dailyBars"> {
    return this.stream("dailyBars", filter, options);
  }

  /** Best bid and offer of option contracts. */
  optionQuotes(filter: OptionFilter = [], options: StreamOptions = {}): StreamOf<"optionQuotes"> {
    return this.stream("optionQuotes", filter, options);
  }

  /** Executions of option contracts. */
  optionTrades(filter: OptionFilter = [], options: StreamOptions = {}): StreamOf<"optionTrades"> {
    return this.stream("optionTrades", filter, options);
  }

  /** Halts, resumptions and other trading states of stocks. */
  tradingStatuses(
    filter: StockFilter = [],
    options: StreamOptions = {},
  ): StreamOf<"tradingStatuses"> {
    return this.stream("tradingStatuses", filter, options);
  }

  /** Limit-up/limit-down price bands of stocks. */
  priceBands(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"priceBands"> {
    return this.stream("priceBands", filter, options);
  }

  /** Corrections and cancellations of trades. */
  tradeCorrections(
    filter: StockFilter = [],
    options: StreamOptions = {},
  ): StreamOf<"tradeCorrections"> {
    return this.stream("tradeCorrections", filter, options);
  }

  /** Order imbalances of stocks. */
  imbalances(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"imbalances"> {
    return this.stream("imbalances", filter, options);
  }

  /** Order events of the account; the position of the stream is the id of an event. */
  orderUpdates(filter: OrderFilter = [], options: StreamOptions = {}): StreamOf<"orderUpdates"> {
    return this.stream("orderUpdates", filter, options);
  }

  /** Best bid and offer of crypto pairs. */
  cryptoQuotes(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"cryptoQuotes"> {
    return this.stream("cryptoQuotes", filter, options);
  }

  /** Executions of crypto pairs. */
  cryptoTrades(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"cryptoTrades"> {
    return this.stream("cryptoTrades", filter, options);
  }

  /** Minute bars of crypto pairs. */
  cryptoBars(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"cryptoBars"> {
    return this.stream("cryptoBars", filter, options);
  }

  /** Corrections of minute bars of crypto pairs. */
  cryptoUpdatedBars(
    filter: StockFilter = [],
    options: StreamOptions = {},
  ): StreamOf<"cryptoUpdatedBars"> {
    return this.stream("cryptoUpdatedBars", filter, options);
  }

  /** The running bar of the day of crypto pairs. */
  cryptoDailyBars(
    filter: StockFilter = [],
    options: StreamOptions = {},
  ): StreamOf<"cryptoDailyBars"> {
    return this.stream("cryptoDailyBars", filter, options);
  }

  /** Order books of crypto pairs: a message with `reset` has all levels, the others changes. */
  orderbooks(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"orderbooks"> {
    return this.stream("orderbooks", filter, options);
  }

  /** News articles that have one of the symbols, and their new versions. */
  news(filter: StockFilter = [], options: StreamOptions = {}): StreamOf<"news"> {
    return this.stream("news", filter, options);
  }

  /** Any of the streams, by its name. */
  stream<C extends ChannelName>(
    channel: C,
    filter: readonly string[] | StreamFilter = [],
    options: StreamOptions = {},
  ): ProxyStream<ChannelMessages[C]> {
    const selected: StreamFilter = "length" in filter ? { symbols: filter } : filter;
    return new ProxyStream<ChannelMessages[C]>({ channel, filter: selected, options }, {
      transport: this.#transport,
      acknowledger: this.#acknowledger,
      clock: this.#clock,
      random: this.#random,
      closed: this.#closed.signal,
      onActive: (stream, isActive) => {
        if (isActive) this.#active.add(stream);
        else this.#active.delete(stream);
      },
    });
  }

  /**
   * The state of the proxy and its feeds.
   *
   * @throws {RpcError} when the proxy does not answer within five seconds
   */
  async status(
    { includeSubscriptions = false, signal }: {
      readonly includeSubscriptions?: boolean;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<ConnectionStatus | undefined> {
    const { getConnectionStatus } = StreamProxyService.method;
    const request = { includeSubscriptions };
    return (await this.#transport.call(getConnectionStatus, request, signal)).status;
  }

  /** Figures of the client and of its streams. */
  get stats(): ClientStats {
    return {
      streams: Array.from(this.#active, ({ stats }) => stats),
      acknowledged: this.#acknowledger.acknowledged,
      acknowledgeFailures: this.#acknowledger.failures,
    };
  }

  /** Ends all streams and closes the connection. */
  close(): void {
    this.#closed.abort();
    this.#transport[Symbol.dispose]();
  }

  /** The same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Creates a client; the first stream opens the connection.
 *
 * @throws {TypeError} when the address is invalid
 */
export function connect(options: ConnectOptions = {}): ProxyClient {
  return new ProxyClient(options);
}
