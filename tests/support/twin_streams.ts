/**
 * The same SDK twice: connected to the simulator, and to something that relays it. Both must
 * receive the same.
 *
 * @module
 */
import type { Simulator, StreamMessage } from "@alpaca-stream-proxy/simulator";
import { cryptoMessages, newsMessages } from "./further_messages.ts";
import type { MarketKind, SdkStreamKind, SdkStreams } from "./sdk_streams.ts";
import { optionMessages, stockMessages, TYPE_OF_CHANNEL } from "./stock_messages.ts";
import { until } from "./until.ts";

/** Symbols whose messages show that a subscription is in effect; they are not compared. */
export const MARKS = { first: "MARKA", second: "MARKB" } as const;

const EVERY_MS = 50;

/** Where the simulator sends a kind of market data, and its messages of a symbol. */
interface Market {
  readonly endpoint: string;
  readonly messagesOf: (symbol: string, index: number) => readonly StreamMessage[];
}

/** Every kind of market data. */
export const MARKETS: Readonly<Record<MarketKind, Market>> = {
  stocks: { endpoint: "sip", messagesOf: stockMessages },
  options: { endpoint: "opra", messagesOf: optionMessages },
  crypto: { endpoint: "crypto/us", messagesOf: cryptoMessages },
  news: { endpoint: "news", messagesOf: newsMessages },
};

/** Symbols by kind of market data. */
type PerMarket<T> = Readonly<Partial<Record<MarketKind, T>>>;

/** What it takes to drive them. */
export interface TwinSetup {
  readonly simulator: Simulator;
  readonly kind: SdkStreamKind;
  /** Programs that receive the same. */
  readonly twins: readonly SdkStreams[];
}

/** Sends marks until every program has one on each of the channels. */
export async function untilMarked(
  { simulator, twins }: TwinSetup,
  wanted: PerMarket<{ readonly mark: string; readonly channels: readonly string[] }>,
): Promise<void> {
  const entries = Object.entries(wanted) as [MarketKind, { mark: string; channels: string[] }][];
  const send = () => {
    for (const [market, { mark, channels }] of entries) {
      const types = new Set(channels.map((channel) => TYPE_OF_CHANNEL[channel]));
      const { endpoint, messagesOf } = MARKETS[market];
      simulator.emit(endpoint, messagesOf(mark, 0).filter(({ T }) => types.has(T)));
    }
  };
  const prefixes = entries.flatMap(([market, { mark, channels }]) =>
    channels.map((channel) => [`"${market} ${channel}"`, mark] as const)
  );
  const missingOf = ({ lines }: SdkStreams) =>
    prefixes.filter(([prefix, mark]) =>
      !lines.some((line) => line.includes(prefix) && line.includes(mark))
    );
  const timer = setInterval(send, EVERY_MS);
  try {
    await until(
      () => `marks of ${JSON.stringify(twins.map(missingOf))}: ${twins.map((t) => t.complaint)}`,
      () => twins.every((twin) => missingOf(twin).length === 0),
      30_000,
    );
  } finally {
    clearInterval(timer);
  }
}

/** Waits until sessions of the simulator have, or no longer have, a symbol. */
export function untilSessions(
  simulator: Simulator,
  place: {
    readonly kind: MarketKind;
    readonly channel: string;
    readonly symbol: string;
  },
  isSubscribed: boolean,
): Promise<void> {
  const { kind, channel, symbol } = place;
  const sessions = () =>
    simulator.sessions().filter(({ endpoint }) => endpoint === MARKETS[kind].endpoint);
  return until(
    `${symbol} is ${isSubscribed ? "" : "not "}subscribed to on ${channel}`,
    () =>
      sessions().every(({ subscriptions }) =>
        (subscriptions[channel] ?? []).includes(symbol) === isSubscribed
      ),
  );
}

/** Waits until every program has what was sent before; each has subscribed to the marks. */
export async function untilReceived(
  { simulator, twins }: TwinSetup,
  marks: PerMarket<string>,
): Promise<void> {
  const before = twins.map(({ lines }) => lines.length);
  const entries = Object.entries(marks) as [MarketKind, string][];
  await until("marks after all others", async () => {
    for (const [market, mark] of entries) {
      const { endpoint, messagesOf } = MARKETS[market];
      simulator.emit(endpoint, messagesOf(mark, 0));
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    return twins.every(({ lines }, i) => {
      const late = lines.slice(before[i]);
      return entries.every(([market, mark]) =>
        late.some((line) => line.includes(`"${market}`) && line.includes(mark))
      );
    });
  });
}

/** Received lines of a kind of market data, without those of marks. */
export function receivedOf(
  { lines }: SdkStreams,
  market: MarketKind,
  marks: readonly string[],
): readonly string[] {
  return lines.filter((line) =>
    line.includes(`"${market}`) && !marks.some((mark) => line.includes(mark))
  );
}
