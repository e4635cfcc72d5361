/**
 * Reads the messages of clients: JSON or MessagePack, by their content and not by their frame, as
 * Alpaca does.
 *
 * Messages are untrusted: time and memory are proportional to their bytes, at most
 * {@linkcode MAX_VALUES} values are read, and nothing is thrown.
 *
 * @module
 */
import type { MessageFormat } from "../../application/relay/relayed_message.ts";
import { MAX_VALUES, readMsgpack } from "./msgpack_reader.ts";

/** A request to log in. */
interface Login {
  readonly action: "auth" | "authenticate";
  readonly key: string;
  readonly secret: string;
}

/** A request of a client of the trading stream. */
interface Listen {
  readonly action: "listen";
  /** `undefined` when they are not a list of names. */
  readonly streams: readonly string[] | undefined;
}

/** A request for symbols, or for symbols no longer. */
interface Change {
  readonly action: "subscribe" | "unsubscribe";
  /** Symbols by channel; empty lists are left out. */
  readonly symbols: ReadonlyMap<string, ReadonlySet<string>>;
}

/** A message of a client. */
export type Command = (Login | Listen | Change) & { readonly format: MessageFormat };

/** Channels of all streams: other keys of a request are ignored. */
const CHANNELS: readonly string[] = [
  "trades",
  "quotes",
  "bars",
  "updatedBars",
  "dailyBars",
  "statuses",
  "lulds",
  "corrections",
  "cancelErrors",
  "imbalances",
  "orderbooks",
  "news",
  "pricing",
];

/** Lists, objects and keys of a message of JSON. */
const MAX_NESTED = 1_024;
const QUOTE = 0x22, COMMA = 0x2c, COLON = 0x3a, OPEN_LIST = 0x5b, BACKSLASH = 0x5c, OPEN_MAP = 0x7b;

/** Key of a login with a token, as Alpaca has it. */
const OAUTH = "oauth";

/** Reads a message; `undefined` for one that is not valid. */
export function readCommand(bytes: Uint8Array): Command | undefined {
  const format = isMap(bytes[0]) ? "msgpack" : "json";
  const members = format === "msgpack" ? readMsgpack(bytes) : readJson(bytes);
  if (!isRecord(members)) return undefined;
  const command = commandOf(members);
  return command && { ...command, format };
}

function commandOf(
  members: Readonly<Record<string, unknown>>,
): Login | Listen | Change | undefined {
  const { action, data } = members;
  switch (action) {
    case "auth":
      return { action, key: textOf(members.key), secret: textOf(members.secret) };
    case "authenticate": {
      const { key_id: key, secret_key: secret, oauth_token: token } = isRecord(data) ? data : {};
      return typeof token === "string"
        ? { action, key: OAUTH, secret: token }
        : { action, key: textOf(key), secret: textOf(secret) };
    }
    case "listen": {
      const streams = isRecord(data) ? data.streams : undefined;
      return { action, streams: isTexts(streams) ? streams : undefined };
    }
    case "subscribe":
    case "unsubscribe": {
      const symbols = symbolsOf(members);
      return symbols && { action, symbols };
    }
    default:
      return undefined;
  }
}

/** The symbols by channel; `undefined` when no channel is named, or one has no list of texts. */
function symbolsOf(
  members: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, ReadonlySet<string>> | undefined {
  const symbols = new Map<string, ReadonlySet<string>>();
  let isNamed = false;
  for (const channel of CHANNELS) {
    const list = Object.hasOwn(members, channel) ? members[channel] : undefined;
    if (list === undefined) continue;
    isNamed = true;
    // The Go SDK sends null for channels that are not used.
    if (list === null) continue;
    if (!isTexts(list)) return undefined;
    if (list.length > 0) symbols.set(channel, new Set(list));
  }
  return isNamed ? symbols : undefined;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function readJson(bytes: Uint8Array): unknown {
  if (!isSimpleJson(bytes)) return undefined;
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    return undefined;
  }
}

/**
 * Whether JSON has at most as many values as a request can need. Lists, objects and keys take up to
 * ten times as long to parse as the texts of an equally long list.
 */
function isSimpleJson(bytes: Uint8Array): boolean {
  let values = 0;
  let nested = 0;
  let isText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (isText) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (byte === COMMA) {
      if (++values >= MAX_VALUES) return false;
    } else if (byte === OPEN_LIST || byte === OPEN_MAP || byte === COLON) {
      if (++nested > MAX_NESTED) return false;
    }
  }
  return true;
}

function isMap(head = 0): boolean {
  return (head & 0xf0) === 0x80 || head === 0xde || head === 0xdf;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
