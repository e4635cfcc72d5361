/**
 * The client of the demo: six streams and the status of the proxy, over the
 * same ports as any other client.
 *
 * @module
 */
import { ProxyClient } from "../client/client.ts";
import type { Credentials } from "../client/credentials.ts";
import { isWorthRetrying, MAX_DELAY_MS, retryDelay } from "../client/retry.ts";
import { RpcClient, RpcError } from "../client/rpc_client.ts";
import type { Clock } from "../src/application/ports/clock.ts";
import { type ChannelName, CHANNELS } from "../src/domain/market/channels.ts";
import { StreamProxyService } from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { MESSAGE_TYPE_LABELS } from "../src/infrastructure/metrics/metrics.ts";
import type { DemoRecorder } from "./demo_recorder.ts";
import { parseAddress } from "./address.ts";
import { gapText } from "./notice_lines.ts";
import { BASE_FEEDS } from "../src/domain/connection/feed.ts";
import { CHANNEL_SOURCES } from "../src/domain/subscription/pairs.ts";
import { shownMessage, STREAM_KINDS, type StreamKind, type StreamMessage } from "./streams.ts";

/** What the client follows, and who receives it. */
export interface DemoClientOptions {
  /** Where the proxy listens: `127.0.0.1:50052`. */
  readonly dial: { readonly grpc: string; readonly metrics: string };
  readonly credentials: Credentials;
  readonly stocks: readonly string[];
  readonly options: readonly string[];
  /** Called with the messages of each stream, after the recorder. */
  readonly onMessages: (channel: ChannelName, messages: readonly StreamMessage[]) => void;
  readonly recorder: DemoRecorder;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const STATUS_INTERVAL_MS = 250;

/** The streams of the feeds that are on by default. */
const DEMO_KINDS = Object.values(STREAM_KINDS).filter(({ channel }) =>
  BASE_FEEDS.includes(CHANNEL_SOURCES[channel].feed)
);

/** Follows everything until the signal fires. */
export async function runDemoClient(options: DemoClientOptions): Promise<void> {
  const address = parseAddress(options.dial.grpc, "the demo's address");
  const { credentials, clock } = options;
  using rpc = new RpcClient(address, {}, credentials);
  using client = new ProxyClient({ address, ...credentials }, { clock });
  await Promise.all([
    ...DEMO_KINDS.map((kind) => followStream(kind, client, options)),
    retry(() => watchStatus(rpc, options), options),
    retry(() => watchDropped(options), options),
  ]);
}

/** Follows one stream; an invalid request ends it. */
async function followStream(
  { channel, name, filter }: StreamKind,
  client: ProxyClient,
  { stocks, options, recorder, onMessages, signal }: DemoClientOptions,
): Promise<void> {
  const symbols = channel === "orderUpdates" ? [] : filter ? options : stocks;
  const report = (error: RpcError) => recorder.addEvent("bad", `call failed: ${error.message}`);
  const stream = client.stream(name, symbols, {
    signal,
    onConnection: (change) => change.state === "lost" && report(change.error),
    onGap: (gap) => recorder.addEvent("bad", `${name}: ${gapText(gap)}`),
  });
  try {
    for await (const batch of stream.batches()) {
      const messages = batch.flatMap((message) => shownMessage(message) ?? []);
      recorder.record(channel, messages);
      onMessages(channel, messages);
    }
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    report(error);
  }
}

/** Repeats a call that ended, after a delay; stops on an invalid request. */
async function retry(run: () => Promise<void>, options: DemoClientOptions): Promise<void> {
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
  client: RpcClient,
  { recorder, clock, signal }: DemoClientOptions,
): Promise<void> {
  const { getConnectionStatus } = StreamProxyService.method;
  while (!signal.aborted) {
    const { status } = await client.call(getConnectionStatus, {}, signal);
    if (status) recorder.feeds(status.feeds);
    await clock.sleep(STATUS_INTERVAL_MS, signal);
  }
}

async function watchDropped(
  { dial, recorder, clock, signal }: DemoClientOptions,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(4 * STATUS_INTERVAL_MS, signal);
    const page = await readPage(`http://${dial.metrics}/metrics`, signal);
    for (const [channel, count] of parseDropped(page)) {
      recorder.dropped(channel, count);
    }
  }
}

async function readPage(url: string, signal: AbortSignal): Promise<string> {
  try {
    const response = await fetch(url, { signal });
    return await response.text();
  } catch (error) {
    if (signal.aborted) return "";
    throw new RpcError("UNAVAILABLE", `no metrics at ${url}`, { cause: error });
  }
}

/** The dropped messages of every channel, from a page of `/metrics`. */
export function parseDropped(page: string): Map<ChannelName, number> {
  const found = new Map<ChannelName, number>();
  const lines = page.matchAll(
    /^alpaca_proxy_messages_dropped_total\{message_type="(\w+)"\} (\S+)$/gm,
  );
  for (const [, label, value] of lines) {
    const channel = CHANNELS.find((one) => MESSAGE_TYPE_LABELS[one] === label);
    if (channel) found.set(channel, Number(value));
  }
  return found;
}
