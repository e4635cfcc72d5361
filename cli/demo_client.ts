/**
 * The client of the demo: six streams and the status of the proxy, over the
 * same ports as any other client.
 *
 * @module
 */
import type { Clock } from "../src/application/ports/clock.ts";
import { type ChannelName, CHANNELS } from "../src/domain/market/channels.ts";
import {
  type OptionQuoteUpdate,
  type OptionTrade,
  type OrderUpdate,
  type StockBar,
  type StockQuote,
  type StockTrade,
  StreamProxyService,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { CHANNEL_LABELS } from "../src/infrastructure/metrics/metrics.ts";
import type { DemoRecorder } from "./demo_recorder.ts";
import { parseAddress, ProxyClient, RpcError } from "./grpc_client.ts";
import { isWorthRetrying, MAX_DELAY_MS, retryDelay } from "./retry.ts";

/** Receives the messages of the six streams. */
export interface DemoListener {
  stockQuotes(quotes: readonly StockQuote[]): void;
  stockTrades(trades: readonly StockTrade[]): void;
  stockBars(bars: readonly StockBar[]): void;
  optionQuotes(quotes: readonly OptionQuoteUpdate[]): void;
  optionTrades(trades: readonly OptionTrade[]): void;
  orderUpdates(updates: readonly OrderUpdate[]): void;
}

/** What the client follows, and who receives it. */
export interface DemoClientOptions {
  /** Where the proxy listens: `127.0.0.1:50052`. */
  readonly dial: { readonly grpc: string; readonly metrics: string };
  readonly stocks: readonly string[];
  readonly options: readonly string[];
  readonly listeners: readonly DemoListener[];
  readonly recorder: DemoRecorder;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const STATUS_INTERVAL_MS = 250;

/** Follows everything until the signal fires. */
export async function runDemoClient(options: DemoClientOptions): Promise<void> {
  using client = new ProxyClient(
    parseAddress(options.dial.grpc, "the demo's address"),
  );
  await Promise.all([
    ...streamsOf(client, options).map((run) => retry(run, options)),
    retry(() => watchStatus(client, options), options),
    retry(() => watchLosses(options), options),
  ]);
}

type Run = () => Promise<void>;

function streamsOf(
  client: ProxyClient,
  { listeners, signal, ...followed }: DemoClientOptions,
): Run[] {
  const { method } = StreamProxyService;
  const stocks = { symbols: [...followed.stocks] };
  const options = { symbols: [...followed.options] };
  const notify = (call: (listener: DemoListener) => void) => listeners.forEach(call);
  return [
    async () => {
      const stream = client.stream(method.streamQuotes, stocks, { signal });
      for await (const batch of stream) {
        const quotes = batch.flatMap(({ quote }) => quote ?? []);
        notify((listener) => listener.stockQuotes(quotes));
      }
    },
    async () => {
      const stream = client.stream(method.streamTrades, stocks, { signal });
      for await (const batch of stream) {
        const trades = batch.flatMap(({ trade }) => trade ?? []);
        notify((listener) => listener.stockTrades(trades));
      }
    },
    async () => {
      const stream = client.stream(method.streamBars, stocks, { signal });
      for await (const batch of stream) {
        const bars = batch.flatMap(({ bar }) => bar ?? []);
        notify((listener) => listener.stockBars(bars));
      }
    },
    async () => {
      const { streamOptionQuotes } = method;
      const stream = client.stream(streamOptionQuotes, options, { signal });
      for await (const batch of stream) {
        const quotes = batch.flatMap(({ quote }) => quote ?? []);
        notify((listener) => listener.optionQuotes(quotes));
      }
    },
    async () => {
      const { streamOptionTrades } = method;
      const stream = client.stream(streamOptionTrades, options, { signal });
      for await (const batch of stream) {
        const trades = batch.flatMap(({ trade }) => trade ?? []);
        notify((listener) => listener.optionTrades(trades));
      }
    },
    async () => {
      const stream = client.stream(method.streamOrderUpdates, {}, { signal });
      for await (const batch of stream) {
        const updates = batch.flatMap(({ update }) => update ?? []);
        notify((listener) => listener.orderUpdates(updates));
      }
    },
  ];
}

/** Repeats a call that ended, after a delay; stops on an invalid request. */
async function retry(run: Run, options: DemoClientOptions): Promise<void> {
  const { recorder, clock, signal } = options;
  let failures = 0;
  while (!signal.aborted) {
    const started = clock.monotonic();
    try {
      await run();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof RpcError)) throw error;
      recorder.addEvent("bad", `call failed: ${error.message}`);
      if (!isWorthRetrying(error)) return;
    }
    const lasted = clock.monotonic() - started > MAX_DELAY_MS;
    failures = lasted ? 1 : failures + 1;
    await clock.sleep(retryDelay(failures, Math.random()), signal);
  }
}

async function watchStatus(
  client: ProxyClient,
  { recorder, clock, signal }: DemoClientOptions,
): Promise<void> {
  const { getConnectionStatus } = StreamProxyService.method;
  while (!signal.aborted) {
    const { status } = await client.call(getConnectionStatus, {}, signal);
    if (status) recorder.feeds(status.feeds);
    await clock.sleep(STATUS_INTERVAL_MS, signal);
  }
}

async function watchLosses(
  { dial, recorder, clock, signal }: DemoClientOptions,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(4 * STATUS_INTERVAL_MS, signal);
    const page = await readPage(`http://${dial.metrics}/metrics`, signal);
    for (const [channel, count] of parseLosses(page)) {
      recorder.lost(channel, count);
    }
  }
}

async function readPage(url: string, signal: AbortSignal): Promise<string> {
  try {
    const response = await fetch(url, { signal });
    return await response.text();
  } catch (error) {
    if (signal.aborted) return "";
    throw new RpcError("UNAVAILABLE", `no metrics at ${url}`, error);
  }
}

/** The lost messages of every channel, from a page of `/metrics`. */
export function parseLosses(page: string): Map<ChannelName, number> {
  const found = new Map<ChannelName, number>();
  const lines = page.matchAll(
    /^alpaca_proxy_messages_dropped_total\{message_type="(\w+)"\} (\S+)$/gm,
  );
  for (const [, label, value] of lines) {
    const channel = CHANNELS.find((one) => CHANNEL_LABELS[one] === label);
    if (channel) found.set(channel, Number(value));
  }
  return found;
}
