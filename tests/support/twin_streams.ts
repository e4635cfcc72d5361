/**
 * The same SDK twice: connected to the simulator, and to something that relays it. Both must
 * receive the same.
 *
 * @module
 */
import type { Message, Simulator } from "@alpaca-stream-proxy/simulator";
import type { SdkStreamKind, SdkStreams, StreamKind } from "./sdk_streams.ts";
import { optionMessages, stockMessages, TYPE_OF_CHANNEL } from "./stock_messages.ts";
import { until } from "./until.ts";

/** Symbols whose messages show that a subscription is in effect; they are not compared. */
export const MARKS = { first: "MARKA", second: "MARKB" } as const;

const ENDPOINTS = { stocks: "sip", options: "opra" } as const;
const EVERY_MS = 50;

/** What it takes to drive them. */
export interface TwinSetup {
  readonly simulator: Simulator;
  readonly kind: SdkStreamKind;
  /** Programs that receive the same. */
  readonly twins: readonly SdkStreams[];
  /** A contract whose messages serve as marks. */
  readonly contractMark: string;
}

/** Sends marks until every program has one on each of the channels. */
export async function untilMarked(
  { simulator, twins, contractMark }: TwinSetup,
  mark: string,
  wanted: Readonly<Partial<Record<StreamKind, readonly string[]>>>,
): Promise<void> {
  const { stocks = [], options = [] } = wanted;
  const types = new Set([...stocks, ...options].map((channel) => TYPE_OF_CHANNEL[channel]));
  const send = () => {
    const isWanted = ({ T }: Message) => types.has(T);
    if (stocks.length > 0) simulator.emit("sip", stockMessages(mark, 0).filter(isWanted));
    if (options.length > 0) {
      simulator.emit("opra", optionMessages(contractMark, 0).filter(isWanted));
    }
  };
  const prefixes = [
    ...stocks.map((channel) => ["stocks", channel, mark]),
    ...options.map((channel) => ["options", channel, contractMark]),
  ];
  const missingOf = ({ lines }: SdkStreams) =>
    prefixes.filter(([kind, channel, symbol = ""]) =>
      !lines.some((line) => line.includes(`"${kind} ${channel}"`) && line.includes(symbol))
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
    readonly kind: "stocks" | "options";
    readonly channel: string;
    readonly symbol: string;
  },
  isSubscribed: boolean,
): Promise<void> {
  const { kind, channel, symbol } = place;
  const sessions = () =>
    simulator.sessions().filter(({ endpoint }) => endpoint === ENDPOINTS[kind]);
  return until(
    `${symbol} is ${isSubscribed ? "" : "not "}subscribed to on ${channel}`,
    () =>
      sessions().every(({ subscriptions }) =>
        (subscriptions[channel] ?? []).includes(symbol) === isSubscribed
      ),
  );
}

/** Waits until every program has what was sent before; needs the second mark on quotes. */
export async function untilReceived({ simulator, twins, contractMark }: TwinSetup): Promise<void> {
  const before = twins.map(({ lines }) => lines.length);
  await until("marks after all others", async () => {
    simulator.emit("sip", stockMessages(MARKS.second, 0));
    simulator.emit("opra", optionMessages(contractMark, 0));
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    return twins.every(({ lines }, i) => {
      const late = lines.slice(before[i]);
      return [MARKS.second, contractMark].every((mark) => late.some((line) => line.includes(mark)));
    });
  });
}

/** Received lines of a kind of streams, without marks. */
export function receivedOf(
  { lines }: SdkStreams,
  kind: StreamKind,
  contractMark: string,
): readonly string[] {
  const marks = [...Object.values(MARKS), contractMark];
  return lines.filter((line) =>
    line.includes(`"${kind}`) && !marks.some((mark) => line.includes(mark))
  );
}
