/**
 * The command line of `demo`.
 *
 * @module
 */
import { describeFlags, type FlagTable, readArguments } from "./flags.ts";
import { UsageError } from "./usage_error.ts";

const FLAGS = {
  seconds: { value: "N", help: "end after N seconds, with a summary" },
  rate: {
    value: "N",
    help: "messages a second that the market makes (default 200)",
  },
  symbols: {
    value: "A,B,C",
    help: "stocks to follow (default AAPL,MSFT,NVDA,TSLA,AMZN,SPY,QQQ)",
  },
  seed: { value: "TEXT", help: "makes the same market again" },
  plain: { help: "lines instead of a view, also on a terminal" },
  all: { help: "lines: every message, not a few of each kind a second" },
  help: { help: "show this text" },
} as const satisfies FlagTable;

/** What `demo --help` prints. */
export const DEMO_HELP =
  `Shows the proxy at work, without an account: a local Alpaca with a simulated
market, the proxy in front of it, and a gRPC client of the proxy.

Usage: deno task demo [flags]

Flags:
${describeFlags(FLAGS)}

On a terminal: d drops a connection to Alpaca, m mutes one, q ends.
DELAY is the age of a message when the client has it (median of a second), LOST
counts messages that a client was too slow for, ~ marks values from before the
feed was lost.
While it runs, from another terminal: deno task tail quotes AAPL
`;

/** What the user asked for. */
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

/** Stocks of the simulated market that everybody knows. */
const DEFAULT_SYMBOLS = "AAPL,MSFT,NVDA,TSLA,AMZN,SPY,QQQ";

/** Fits one screen; a demo is not a scanner. */
const MAX_SYMBOLS = 50;

/** @throws {UsageError} naming the first argument that cannot be used. */
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
    `it takes up to ${MAX_SYMBOLS} tickers with commas between, as in AAPL,MSFT`,
  );
}
