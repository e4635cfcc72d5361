/**
 * The command line of `admin`.
 *
 * @module
 */
import type { ProxyAddress } from "../client/address.ts";
import { chooseAddress } from "./address.ts";
import { CREDENTIALS_HELP } from "./credentials.ts";
import {
  type Arguments,
  describeFlags,
  type FlagTable,
  readArguments,
  UsageError,
} from "./flags.ts";

const FLAGS = {
  address: { value: "HOST:PORT", help: "address of the proxy (default localhost:50052)" },
  "token-stdin": { help: "read the token from standard input" },
  identity: { value: "NAME", help: "list: only streams of this identity" },
  reason: { value: "TEXT", help: "end, close, drain: the reason, for clients and the log" },
  "end-streams": { help: "drain: end the open streams too, one after the other" },
  for: { value: "SECONDS", help: "log-level: until that of the settings applies again" },
  all: { help: "settings: those with their defaults too" },
  json: { help: "protobuf JSON, one object per line" },
  help: { help: "show this text" },
} as const satisfies FlagTable;

type AdminFlags = Arguments<keyof typeof FLAGS>;

/** Longest time of a log level, in seconds. */
const MAX_SECONDS = 86_400;

/** What `admin --help` prints. */
export const ADMIN_HELP =
  `Administers a proxy that runs with STREAM_PROXY_ACCESS, as an identity with admin.

Usage: deno task admin <command> [argument] [flags]

Commands:
  list                the open streams
  connections         the connections of clients
  end ID              ends a stream with UNAVAILABLE
  close ID            ends the streams of a connection and closes it
  drain               refuses new streams and reports not ready
  undrain             accepts new streams again
  reconnect FEED      replaces the session of a feed: sip, opra, trading, crypto, news
  settings            the settings in force, without secrets
  log-level [LEVEL]   shows or sets which lines are logged; default restores the settings

Flags:
${describeFlags(FLAGS)}

Variables: STREAM_PROXY_ADDRESS or STREAM_PROXY_URL instead of --address;
${CREDENTIALS_HELP}
NO_COLOR disables colours.

Examples:
  export STREAM_PROXY_TOKEN=...
  deno task admin list --identity dashboard
  deno task admin end 3f2a91-17 --reason "moved to another replica"
  deno task admin drain --end-streams --reason upgrade
  deno task admin log-level debug --for 600
  deno task admin list --json | jq -r 'select(.lost != null) | .id'
`;

/** What the command does. */
export type AdminAction =
  | { readonly type: "list"; readonly identity: string }
  | { readonly type: "connections" }
  | { readonly type: "end" | "close"; readonly id: string; readonly reason: string }
  | { readonly type: "drain"; readonly reason: string; readonly endStreams: boolean }
  | { readonly type: "undrain" }
  | { readonly type: "reconnect"; readonly feed: string }
  | { readonly type: "settings"; readonly all: boolean }
  | {
    readonly type: "log-level";
    /** "" restores the level of the settings; undefined only shows it. */
    readonly level: string | undefined;
    readonly seconds: number | undefined;
  };

/** The parsed command. */
export interface AdminTask {
  readonly action: AdminAction;
  readonly address: ProxyAddress;
  readonly json: boolean;
  readonly tokenFromStdin: boolean;
}

/** Flags of each command beside those of all. */
const COMMANDS = {
  list: ["identity"],
  connections: [],
  end: ["reason"],
  close: ["reason"],
  drain: ["reason", "end-streams"],
  undrain: [],
  reconnect: [],
  settings: ["all"],
  "log-level": ["for"],
} as const satisfies Readonly<Record<AdminAction["type"], readonly (keyof typeof FLAGS)[]>>;

const COMMON = ["address", "token-stdin", "json", "help"];

/** @throws {UsageError} naming the first argument that cannot be used */
export function parseAdminArguments(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): AdminTask | "help" {
  const flags = readArguments(args, FLAGS);
  if (flags.has("help")) return "help";
  const [command, ...words] = flags.words;
  const accepted = `name one of ${Object.keys(COMMANDS).join(", ")}`;
  if (command === undefined) throw new UsageError("an empty command", accepted);
  if (!isCommand(command)) throw new UsageError(command, accepted);
  rejectOtherFlags(command, flags);
  return {
    action: readAction(command, words, flags),
    address: chooseAddress(flags.text("address"), env),
    json: flags.has("json"),
    tokenFromStdin: flags.has("token-stdin"),
  };
}

function isCommand(word: string): word is AdminAction["type"] {
  return Object.hasOwn(COMMANDS, word);
}

/** Rejects flags that would be ignored. */
function rejectOtherFlags(command: AdminAction["type"], flags: AdminFlags): void {
  const own: readonly string[] = COMMANDS[command];
  for (const name of Object.keys(FLAGS) as (keyof typeof FLAGS)[]) {
    if (!flags.has(name) || own.includes(name) || COMMON.includes(name)) continue;
    throw new UsageError(`--${name}`, `it does not go with ${command}`);
  }
}

function readAction(
  command: AdminAction["type"],
  words: readonly string[],
  flags: AdminFlags,
): AdminAction {
  const reason = flags.text("reason") ?? "";
  switch (command) {
    case "list":
      atMost(0, command, words);
      return { type: command, identity: flags.text("identity") ?? "" };
    case "end":
    case "close":
      return { type: command, id: only(command, "the id that the list shows", words), reason };
    case "drain":
      atMost(0, command, words);
      return { type: command, reason, endStreams: flags.has("end-streams") };
    case "reconnect":
      return { type: command, feed: only(command, "the name of a feed, such as sip", words) };
    case "settings":
      atMost(0, command, words);
      return { type: command, all: flags.has("all") };
    case "log-level": {
      atMost(1, command, words);
      const [level] = words;
      const seconds = flags.number("for", { min: 1, max: MAX_SECONDS });
      if (seconds !== undefined && level === undefined) {
        throw new UsageError("--for", "it goes with a level");
      }
      return { type: command, level: level === "default" ? "" : level, seconds };
    }
    default:
      atMost(0, command, words);
      return { type: command };
  }
}

function only(command: string, what: string, words: readonly string[]): string {
  atMost(1, command, words);
  const [word] = words;
  if (word === undefined) throw new UsageError(command, `it needs ${what}`);
  return word;
}

function atMost(count: number, command: string, words: readonly string[]): void {
  const extra = words[count];
  if (extra === undefined) return;
  const text = count === 0 ? "takes no argument" : "takes one argument";
  throw new UsageError(extra, `${command} ${text}`);
}
