/**
 * The command line of `record`.
 *
 * @module
 */
import { type FeedId, FEEDS } from "../src/domain/connection/feed.ts";
import { describeFlags, type FlagTable, readArguments, UsageError } from "./flags.ts";
import { parseStream, type RecordedStream } from "./record_stream_url.ts";

const FLAGS = {
  feeds: { value: "LIST", help: "NATS: of sip, opra, trading, crypto, news (default all)" },
  since: {
    value: "TIME",
    help: "NATS: begin with what the hub retains since then: 2026-09-14T14:30:00Z, or 15m ago",
  },
  until: { value: "TIME", help: "NATS, with --since: end there, in the same form" },
  stream: {
    value: "URL",
    repeats: true,
    help: "without NATS: a WebSocket stream and its channels",
  },
  for: { value: "DURATION", help: "end after this time: 90s, 10m, 1h30m" },
  "max-bytes": { value: "N", help: "end before the file is larger: 500000, 200M, 2G" },
  overwrite: { help: "replace a file that exists" },
  help: { help: "show this text" },
} as const satisfies FlagTable;

/** What `record --help` prints. */
export const RECORD_HELP = `Records streams as Alpaca sends them, for deno task replay.

Usage: deno task record FILE [flags]

It records what a hub sends over NATS, by the variables STREAM_PROXY_NATS_* of
the proxy; or, with --stream, what one proxy or Alpaca itself sends. Ctrl-C ends
it. It can write no other file.

Flags:
${describeFlags(FLAGS)}

Streams have their channels in the query, one flag per stream:
  ws://localhost:8765/v2/sip?trades=AAPL,MSFT&quotes=*&bars=*
  ws://localhost:8765/v1beta1/opra?quotes=AAPL261218C00250000
  ws://localhost:8765/v1beta3/crypto/us?orderbooks=BTC/USD
  ws://localhost:8765/v1beta1/news?news=*
  ws://localhost:8765/stream

Variables for --stream: STREAM_PROXY_TOKEN, or ALPACA_KEY and ALPACA_SECRET for
loopback and wss:// addresses; STREAM_PROXY_CLIENT_CA, STREAM_PROXY_CLIENT_CERT
and STREAM_PROXY_CLIENT_KEY are PEM text.

Examples:
  deno task record today.aspr
  deno task record incident.aspr --since 15m --until 5m --feeds sip,trading
  deno task record opening.aspr --for 10m --max-bytes 2G
  deno task record two.aspr --stream 'ws://localhost:8765/v2/sip?trades=AAPL' \\
    --stream ws://localhost:8765/stream
`;

/** Where the batches come from. */
export type RecordOrigin =
  | {
    readonly type: "hub";
    readonly feeds: readonly FeedId[];
    /** Ms since the Unix epoch; undefined: what is sent from now on. */
    readonly since: number | undefined;
    readonly until: number | undefined;
  }
  | { readonly type: "streams"; readonly streams: readonly RecordedStream[] };

/** The parsed command. */
export interface RecordTask {
  readonly path: string;
  readonly origin: RecordOrigin;
  readonly forMs: number | undefined;
  readonly maxBytes: number | undefined;
  readonly overwrite: boolean;
}

/**
 * @param now ms since the Unix epoch
 * @throws {UsageError} naming the first argument that cannot be used
 */
export function parseRecordArguments(args: readonly string[], now: number): RecordTask | "help" {
  const flags = readArguments(args, FLAGS);
  if (flags.has("help")) return "help";
  const [path, other] = flags.words;
  if (path === undefined) throw new UsageError("an empty command", "name the file to write");
  if (other !== undefined) throw new UsageError(other, "one file is written");
  const duration = flags.text("for");
  const size = flags.text("max-bytes");
  return {
    path,
    origin: readOrigin(flags, now),
    forMs: duration === undefined ? undefined : readDuration("--for", duration),
    maxBytes: size === undefined ? undefined : readSize(size),
    overwrite: flags.has("overwrite"),
  };
}

type RecordFlags = ReturnType<typeof readArguments<typeof FLAGS>>;

function readOrigin(flags: RecordFlags, now: number): RecordOrigin {
  if (flags.has("stream")) {
    const given = (["feeds", "since", "until"] as const).find((name) => flags.has(name));
    if (given) throw new UsageError(`--${given}`, "it goes with NATS, not with --stream");
    const streams = flags.all("stream").map(parseStream);
    const twice = streams.find(({ feed }, index) =>
      streams.findIndex((stream) => stream.feed === feed) < index
    );
    if (twice) throw new UsageError(`--stream ${twice.url}`, `one stream of ${twice.feed}`);
    return { type: "streams", streams };
  }
  const [since, until] = [flags.text("since"), flags.text("until")];
  if (until !== undefined && since === undefined) {
    throw new UsageError("--until", "it goes with --since");
  }
  return {
    type: "hub",
    feeds: readFeeds(flags.text("feeds")),
    since: since === undefined ? undefined : readTime("--since", since, now),
    until: until === undefined ? undefined : readTime("--until", until, now),
  };
}

function readFeeds(text: string | undefined): readonly FeedId[] {
  if (text === undefined) return FEEDS;
  return text.split(",").map((name) => {
    const feed = FEEDS.find((id) => id === name.trim());
    if (feed) return feed;
    throw new UsageError(`--feeds ${text}`, `the feeds are ${FEEDS.join(", ")}`);
  });
}

const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;

function durationOf(text: string): number | undefined {
  const [, hours, minutes, seconds] = DURATION.exec(text) ?? [];
  const ms = Number(hours ?? 0) * 3_600_000 + Number(minutes ?? 0) * 60_000 +
    Number(seconds ?? 0) * 1_000;
  return ms > 0 ? ms : undefined;
}

function readDuration(flag: string, text: string): number {
  const ms = durationOf(text);
  if (ms !== undefined) return ms;
  throw new UsageError(`${flag} ${text}`, "it takes a duration such as 90s or 1h30m");
}

function readTime(flag: string, text: string, now: number): number {
  const ago = durationOf(text);
  if (ago !== undefined) return now - ago;
  const time = TIME.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(time)) return time;
  throw new UsageError(
    `${flag} ${text}`,
    "it takes a time such as 2026-09-14T14:30:00Z, or 15m for fifteen minutes ago",
  );
}

const SIZES: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
/** A file with one small batch. */
const MIN_BYTES = 1_000;

function readSize(text: string): number {
  const [, digits = "", unit = ""] = /^(\d+)([KMG]?)$/i.exec(text) ?? [];
  const bytes = digits === "" ? NaN : Number(digits) * (SIZES[unit.toUpperCase()] ?? NaN);
  if (bytes >= MIN_BYTES) return bytes;
  throw new UsageError(`--max-bytes ${text}`, `it takes ${MIN_BYTES} or more, as in 500000 or 2G`);
}
