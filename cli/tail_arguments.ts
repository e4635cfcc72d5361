/**
 * The command line of `tail`.
 *
 * @module
 */
import type { ProxyAddress } from "../client/address.ts";
import type { ContractSelection, StreamPosition } from "../client/mod.ts";
import { parseOccSymbol } from "../src/domain/market/occ_symbol.ts";
import { normalizeOption } from "../src/infrastructure/grpc/normalize_symbols.ts";
import { SELECTION_BOUNDS } from "../src/domain/options/selection.ts";
import { chooseAddress } from "./address.ts";
import { CREDENTIALS_HELP } from "./credentials.ts";
import {
  type Arguments,
  describeFlags,
  type FlagTable,
  readArguments,
  UsageError,
} from "./flags.ts";
import { type Selection, STREAM_KINDS } from "./streams.ts";

const FLAGS = {
  address: {
    value: "HOST:PORT",
    help: "address of the proxy (default localhost:50052)",
  },
  underlying: {
    value: "SYMBOL",
    repeats: true,
    help: "options: contracts of this underlying",
  },
  "min-days": { value: "N", help: "with --underlying: nearest expiry in days" },
  "max-days": {
    value: "N",
    help: "with --underlying: farthest expiry in days",
  },
  expiry: {
    value: "DATE",
    repeats: true,
    help: "with --underlying: exactly this expiry, YYYY-MM-DD",
  },
  "expiry-from": { value: "DATE", help: "with --underlying: first expiry" },
  "expiry-to": { value: "DATE", help: "with --underlying: last expiry" },
  "max-expiries": { value: "N", help: "with --underlying: most expiries, nearest first" },
  window: {
    value: "PERCENT",
    help: "with --underlying: strikes this near to the price",
  },
  strikes: { value: "N", help: "with --underlying: strikes on each side per expiry" },
  "min-strike": { value: "USD", help: "with --underlying: lowest strike" },
  "max-strike": { value: "USD", help: "with --underlying: highest strike" },
  "min-delta": { value: "N", help: "with --underlying: lowest absolute delta" },
  "max-delta": { value: "N", help: "with --underlying: highest absolute delta" },
  right: {
    value: "call|put",
    help: "with --underlying: only calls or only puts",
  },
  root: {
    value: "ROOT",
    repeats: true,
    help: "with --underlying: only this root, such as SPXW",
  },
  adjusted: { help: "with --underlying: adjusted contracts too" },
  "max-contracts": {
    value: "N",
    help: "with --underlying: most contracts of each",
  },
  "max-per-expiry": { value: "N", help: "with --underlying: most contracts of one expiry" },
  weight: { value: "N", help: "with --underlying: share of the quota, 1 to 100" },
  "only-selected": { help: "with --underlying: no contracts of other streams" },
  "order-id": {
    value: "ID",
    repeats: true,
    help: "orders: only this order",
  },
  "client-id": {
    value: "PREFIX",
    repeats: true,
    help: "orders: only client order ids that start so",
  },
  event: { value: "EVENT", repeats: true, help: "orders: only this event, such as fill" },
  meta: { help: "sequence, symbol sequence, origin and delay in the proxy" },
  notices: { help: "also gaps, staleness, heartbeats and other notices" },
  snapshot: { help: "start with the last known message of each symbol" },
  latest: { help: "only the latest message of a symbol when output is slow" },
  "min-interval": { value: "MS", help: "with --latest: least ms between two of a symbol" },
  backfill: { help: "trades, bars: fetch what was missed in an outage" },
  resume: {
    value: "POSITION",
    help: "continue after EPOCH:SEQUENCE, or for orders an event id",
  },
  json: { help: "one protobuf-JSON object per line, for pipes" },
  count: { value: "N", help: "end after N messages" },
  seconds: { value: "N", help: "end after N seconds" },
  watch: { help: "status: update every second" },
  subscriptions: { help: "status: subscriptions at Alpaca by symbol" },
  "no-reconnect": {
    help: "fail when the proxy is unreachable; do not wait",
  },
  help: { help: "show this text" },
} as const satisfies FlagTable;

type TailFlags = Arguments<keyof typeof FLAGS>;

/** A list in lines that fit eighty columns below "  what: ". */
function wrapped(words: readonly string[]): string {
  const lines = [""];
  for (const word of words) {
    const last = lines.length - 1;
    const line = `${lines[last]}${lines[last] === "" ? "" : ", "}${word}`;
    if (line.length <= 70) lines[last] = line;
    else lines.push(word);
  }
  return lines.join(",\n        ");
}

const WHATS = [...Object.keys(STREAM_KINDS), "status"];

/** What `tail --help` prints. */
export const TAIL_HELP = `Shows the messages of a proxy as they arrive.

Usage: deno task tail <what> [symbol ...] [flags]

  what: ${wrapped(WHATS)}
  No symbols means everything (option quotes: what other streams request).

Flags:
${describeFlags(FLAGS)}

Variables: STREAM_PROXY_ADDRESS or STREAM_PROXY_URL instead of --address;
${CREDENTIALS_HELP}
NO_COLOR disables colours.

Examples:
  deno task tail quotes AAPL MSFT
  deno task tail option-quotes --underlying SPY --max-days 7 --right call
  deno task tail option-quotes --underlying SPX --root SPXW --strikes 5 \\
    --max-expiries 2 --only-selected
  deno task tail orders --client-id bot- --event fill
  deno task tail trades AAPL --json --count 100 | jq .trade.price
  deno task tail quotes AAPL --snapshot --meta --notices
  deno task tail status --watch
  deno task tail status --subscriptions
`;

/** Options of both commands of `tail`. */
interface Common {
  readonly address: ProxyAddress;
  readonly json: boolean;
  readonly reconnect: boolean;
  /** Undefined: no limit. */
  readonly seconds: number | undefined;
}

/** Options of a stream. */
export interface TailOptions {
  readonly meta: boolean;
  readonly notices: boolean;
  readonly snapshot: boolean;
  readonly latest: boolean;
  readonly backfill: boolean;
  /** Ms; undefined: none. */
  readonly minInterval: number | undefined;
  readonly resume: StreamPosition | undefined;
}

/** `tail quotes AAPL`. */
export interface StreamTask extends Common {
  readonly type: "stream";
  /** A key of `STREAM_KINDS`. */
  readonly what: string;
  readonly selection: Selection;
  /** Missing: the stream is opened without options. */
  readonly options?: TailOptions;
  /** Undefined: no limit. */
  readonly count: number | undefined;
}

/** `tail status`. */
export interface StatusTask extends Common {
  readonly type: "status";
  readonly watch: boolean;
  /** Whether to show the subscriptions at Alpaca by symbol. */
  readonly subscriptions: boolean;
}

/** The parsed command. */
export type TailTask = { readonly type: "help" } | StreamTask | StatusTask;

/** @throws {UsageError} naming the first argument that cannot be used */
export function parseTailArguments(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): TailTask {
  const flags = readArguments(args, FLAGS);
  if (flags.has("help")) return { type: "help" };
  const [what, ...symbols] = flags.words;
  if (what === undefined) {
    throw new UsageError("an empty command", `name one of ${WHATS.join(", ")}`);
  }
  if (!WHATS.includes(what)) {
    throw new UsageError(what, `it is one of ${WHATS.join(", ")}`);
  }
  rejectOtherFlags(what, flags);
  const common: Common = {
    address: chooseAddress(flags.text("address"), env),
    json: flags.has("json"),
    reconnect: !flags.has("no-reconnect"),
    seconds: flags.number("seconds", { min: 0, max: 1e7, fractions: true }),
  };
  if (what === "status") {
    if (symbols[0] !== undefined) throw new UsageError(symbols[0], "status takes no symbols");
    return {
      type: "status",
      watch: flags.has("watch"),
      subscriptions: flags.has("subscriptions"),
      ...common,
    };
  }
  return {
    type: "stream",
    what,
    selection: {
      symbols: symbols.map((text) => readSymbolOf(what, text)),
      underlyings: flags.all("underlying").map(readSymbol),
      orderIds: flags.all("order-id"),
      ...(flags.has("client-id") && { clientOrderIdPrefixes: flags.all("client-id") }),
      ...(flags.has("event") && { events: flags.all("event") }),
      contracts: readContracts(flags),
    },
    ...(OPTION_FLAGS.some((name) => flags.has(name)) && { options: readOptions(what, flags) }),
    count: flags.number("count", { min: 1, max: Number.MAX_SAFE_INTEGER }),
    ...common,
  };
}

/** Flags of which each one opens the stream with options. */
const OPTION_FLAGS = [
  "meta",
  "notices",
  "snapshot",
  "latest",
  "min-interval",
  "backfill",
  "resume",
] as const;

function readOptions(what: string, flags: TailFlags): TailOptions {
  if (flags.has("min-interval") && !flags.has("latest")) {
    throw new UsageError("--min-interval", "it goes with --latest");
  }
  return {
    meta: flags.has("meta"),
    notices: flags.has("notices"),
    snapshot: flags.has("snapshot"),
    latest: flags.has("latest"),
    backfill: flags.has("backfill"),
    minInterval: flags.number("min-interval", { min: 10, max: 60_000 }),
    resume: readPosition(what, flags.text("resume")),
  };
}

function readPosition(what: string, text: string | undefined): StreamPosition | undefined {
  if (text === undefined) return undefined;
  const [, epoch, sequence] = /^([^:\s]+):(\d{1,19})$/.exec(text) ?? [];
  if (epoch !== undefined && sequence !== undefined) return { epoch, sequence: BigInt(sequence) };
  if (what === "orders" && /^\S+$/.test(text)) return { eventId: text };
  throw new UsageError(`--resume ${text}`, "it takes EPOCH:SEQUENCE, or for orders an event id");
}

/** The position as `--resume` takes it. */
export function positionText(position: StreamPosition): string {
  return "eventId" in position ? position.eventId : `${position.epoch}:${position.sequence}`;
}

/** What the symbol of an underlying looks like, also of class shares: `BRK.B`. */
const ROOT = /^[A-Z]{1,6}([./ -][A-Z]{1,2})?[0-9]?$/;

/** Streams of stocks. */
const STOCK_KINDS: ReadonlySet<string> = new Set([
  "quotes",
  "trades",
  "bars",
  "updated-bars",
  "daily-bars",
  "statuses",
  "bands",
  "corrections",
  "imbalances",
]);

/** Flags that choose contracts of underlyings. */
const CONTRACT_FLAGS = [
  "min-days",
  "max-days",
  "expiry",
  "expiry-from",
  "expiry-to",
  "max-expiries",
  "window",
  "strikes",
  "min-strike",
  "max-strike",
  "min-delta",
  "max-delta",
  "right",
  "root",
  "adjusted",
  "max-contracts",
  "max-per-expiry",
  "weight",
  "only-selected",
] as const;

const BOUNDS = SELECTION_BOUNDS;
const WINDOW = { ...BOUNDS.strikeWindowPercent, fractions: true };
const STRIKE = { ...BOUNDS.strike, fractions: true };
const DELTA = { ...BOUNDS.absDelta, fractions: true };

/** Undefined: the defaults of the proxy. */
function readContracts(flags: TailFlags): ContractSelection | undefined {
  const given = CONTRACT_FLAGS.find((name) => flags.has(name));
  if (given === undefined) return undefined;
  if (!flags.has("underlying")) {
    throw new UsageError(`--${given}`, "it goes with --underlying");
  }
  return {
    minDays: flags.number("min-days", BOUNDS.days),
    maxDays: flags.number("max-days", BOUNDS.days),
    strikeWindowPercent: flags.number("window", WINDOW),
    right: readRight(flags.text("right")),
    maxContracts: flags.number("max-contracts", BOUNDS.maxContracts),
    ...(flags.has("expiry") && { expiries: flags.all("expiry") }),
    ...(flags.has("expiry-from") && { expiryFrom: flags.text("expiry-from") }),
    ...(flags.has("expiry-to") && { expiryTo: flags.text("expiry-to") }),
    ...(flags.has("root") && { roots: flags.all("root") }),
    ...(flags.has("adjusted") && { includeAdjusted: true }),
    ...(flags.has("only-selected") && { onlySelected: true }),
    ...readNumbers(flags),
  };
}

const NUMBER_FLAGS = {
  "max-expiries": { field: "maxExpiries", range: BOUNDS.maxExpiries },
  strikes: { field: "strikesEachSide", range: BOUNDS.strikesEachSide },
  "min-strike": { field: "minStrike", range: STRIKE },
  "max-strike": { field: "maxStrike", range: STRIKE },
  "min-delta": { field: "minAbsDelta", range: DELTA },
  "max-delta": { field: "maxAbsDelta", range: DELTA },
  "max-per-expiry": { field: "maxContractsPerExpiry", range: BOUNDS.maxContracts },
  weight: { field: "weight", range: BOUNDS.weight },
} as const;

/** The numbers that were given. */
function readNumbers(flags: TailFlags): ContractSelection {
  const names = Object.keys(NUMBER_FLAGS) as (keyof typeof NUMBER_FLAGS)[];
  return Object.fromEntries(
    names.filter((name) => flags.has(name)).map((name) => {
      const { field, range } = NUMBER_FLAGS[name];
      return [field, flags.number(name, range)];
    }),
  );
}

function readRight(text: string | undefined): ContractSelection["right"] {
  if (text === undefined || text === "call" || text === "put") return text;
  throw new UsageError(`--right ${text}`, "it takes call or put");
}

/** What flags go with, where they do not go with everything. */
const GOES_WITH: readonly {
  readonly flags: readonly (keyof typeof FLAGS)[];
  readonly text: string;
  readonly whats: readonly string[];
}[] = [
  {
    flags: ["underlying"],
    text: "option-quotes and option-trades",
    whats: ["option-quotes", "option-trades"],
  },
  { flags: ["order-id", "client-id", "event"], text: "orders", whats: ["orders"] },
  { flags: ["watch", "subscriptions"], text: "status", whats: ["status"] },
  {
    flags: ["count", "meta", "notices", "snapshot", "resume"],
    text: "streams",
    whats: Object.keys(STREAM_KINDS),
  },
  {
    flags: ["latest", "min-interval"],
    text: "streams of market data",
    whats: Object.keys(STREAM_KINDS).filter((name) => name !== "orders" && name !== "orderbooks"),
  },
  { flags: ["backfill"], text: "trades and bars", whats: ["trades", "bars"] },
];

/** Rejects flags that would be ignored. */
function rejectOtherFlags(what: string, flags: TailFlags): void {
  for (const { flags: names, text, whats } of GOES_WITH) {
    const given = names.find((name) => flags.has(name));
    if (given === undefined || whats.includes(what)) continue;
    throw new UsageError(`--${given}`, `it goes with ${text}, not with ${what}`);
  }
}

/** Rejects a symbol that this kind of stream can never deliver. */
function readSymbolOf(what: string, text: string): string {
  const symbol = readSymbol(text);
  const isContract = parseOccSymbol(normalizeOption(symbol)) !== undefined;
  if (isContract && STOCK_KINDS.has(what)) {
    throw new UsageError(
      text,
      "use option-quotes or option-trades for an option contract",
    );
  }
  if (!isContract && STREAM_KINDS[what]?.filter === "underlying") {
    const withoutDot = normalizeOption(symbol.replace(".", ""));
    const remedy = ROOT.test(symbol)
      ? `for the contracts of a stock: --underlying ${symbol}`
      : parseOccSymbol(withoutDot)
      ? `its root has no dot: ${withoutDot}`
      : "a contract is root, YYMMDD, C or P, and the strike in eight digits (250 is 00250000)";
    throw new UsageError(
      text,
      `it is not an option contract such as AAPL270115C00250000; ${remedy}`,
    );
  }
  return symbol;
}

/** Converts to upper case and rejects lists such as `aapl,msft`. */
function readSymbol(text: string): string {
  if (/^[A-Za-z0-9.:/ _-]+$/.test(text)) return text.toUpperCase();
  const remedy = text === "*"
    ? "for everything, omit the symbols"
    : text.includes(",")
    ? "put spaces between symbols"
    : "a symbol consists of letters, digits, dots, dashes and slashes";
  throw new UsageError(text === "" ? "an empty symbol" : text, remedy);
}
