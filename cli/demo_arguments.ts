/**
 * The command line of `demo`.
 *
 * @module
 */
import { describeFlags, type FlagTable, readArguments, UsageError } from "./flags.ts";

const FLAGS = {
  seconds: { value: "N", help: "end after N seconds, with a summary" },
  rate: {
    value: "N",
    help: "quotes and trades per second of the demo (default 200)",
  },
  symbols: {
    value: "A,B,C",
    help: "stocks to follow (default AAPL,MSFT,NVDA,TSLA,AMZN,SPY,QQQ)",
  },
  seed: { value: "TEXT", help: "the same text makes the same market" },
  plain: { help: "lines instead of a screen, also on a terminal" },
  all: { help: "lines: every message, not two of each kind per second" },
  help: { help: "show this text" },
} as const satisfies FlagTable;

/** What `demo --help` prints. */
export const DEMO_HELP =
  `Runs a demo without an account: a local Alpaca with a simulated market, the
proxy in front of it, and a gRPC client of the proxy.

Usage: deno task demo [flags]

Flags:
${describeFlags(FLAGS)}

On a terminal: d drops a connection to Alpaca, m mutes one, q ends.
DELAY is the age of a message when the client receives it (median of a second),
DROPPED counts messages that a slow client did not receive, ~ marks values from
before the feed was disconnected.
While it runs, from another terminal: deno task tail quotes AAPL
`;

/** The parsed command. */
export interface DemoTask {
  readonly type: "demo";
  /** Undefined: until interrupted. */
  readonly seconds: number | undefined;
  readonly messagesPerSecond: number;
  readonly symbols: readonly string[];
  readonly seed: string;
  readonly plain: boolean;
  readonly all: boolean;
}

/** Well-known stocks of the simulated market. */
const DEFAULT_SYMBOLS = "AAPL,MSFT,NVDA,TSLA,AMZN,SPY,QQQ";

/** What fits one screen. */
const MAX_SYMBOLS = 50;

/** @throws {UsageError} naming the first argument that cannot be used */
export function parseDemoArguments(
  args: readonly string[],
): DemoTask | { readonly type: "help" } {
  const flags = readArguments(args, FLAGS);
  if (flags.has("help")) return { type: "help" };
  const [word] = flags.words;
  if (word !== undefined) {
    throw new UsageError(word, "demo takes flags only; see --symbols");
  }
  return {
    type: "demo",
    seconds: flags.number("seconds", { min: 1, max: 1e7, fractions: true }),
    messagesPerSecond: flags.number("rate", { min: 1, max: 200_000 }) ?? 200,
    symbols: readSymbols(flags.text("symbols") ?? DEFAULT_SYMBOLS),
    seed: flags.text("seed") ?? "demo",
    plain: flags.has("plain"),
    all: flags.has("all"),
  };
}

function readSymbols(text: string): readonly string[] {
  const symbols = [...new Set(text.toUpperCase().split(","))];
  if (
    symbols.every((one) => /^[A-Z.]{1,8}$/.test(one)) &&
    symbols.length <= MAX_SYMBOLS
  ) return symbols;
  throw new UsageError(
    `--symbols ${text}`,
    `it takes up to ${MAX_SYMBOLS} tickers separated by commas, as in AAPL,MSFT`,
  );
}
