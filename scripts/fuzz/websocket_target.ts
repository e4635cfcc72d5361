/**
 * The messages of clients of the WebSocket API: bytes to command.
 *
 * A command that is read from JSON has to be read from its MessagePack too, and the reverse.
 *
 * @module
 */
import { encode } from "@msgpack/msgpack";
import { type Command, readCommand } from "../../src/infrastructure/websocket/commands.ts";
import type { Random } from "../rig/random.ts";
import { same } from "./outcome.ts";
import { DECLINED, type Target } from "./target.ts";

const utf8 = new TextEncoder();

const ACTIONS = ["auth", "authenticate", "listen", "subscribe", "unsubscribe", "", "AUTH"] as const;
const KEYS: readonly string[] = [
  ...["trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds", "imbalances"],
  ...["corrections", "cancelErrors", "news", "orderbooks", "pricing", "key", "secret", "data"],
  ...["streams", "key_id", "secret_key", "oauth_token", "action", "__proto__", "constructor", ""],
];
const TEXTS: readonly string[] = [
  ...["AAPL", "*", "SPY261218C00650000", "BTC/USD", "", "é", "\ud800", "\u0000", 'a"b', "\\"],
  ...["trade_updates", "K", "x".repeat(40), "x".repeat(300)],
];

/** The messages of clients. */
export class WebSocketTarget implements Target {
  readonly name = "websocket";
  readonly isText = false;
  #signature = "";

  readonly examples = (): readonly Uint8Array[] => {
    const lists = Object.fromEntries(KEYS.slice(0, 13).map((key) => [key, ["AAPL", "*"]]));
    const messages = [
      { action: "auth", key: "K", secret: "S" },
      { action: "authenticate", data: { key_id: "K", secret_key: "S" } },
      { action: "authenticate", data: { oauth_token: "T" } },
      { action: "listen", data: { streams: ["trade_updates"] } },
      { action: "subscribe", ...lists },
      { action: "unsubscribe", trades: ["A"], quotes: null, bars: [] },
    ];
    return messages.flatMap((each) => [utf8.encode(JSON.stringify(each)), encode(each)]);
  };

  readonly generate = (random: Random): Uint8Array => {
    const message: Record<string, unknown> = { action: random.pick(ACTIONS) };
    for (let left = random.below(6); left > 0; left--) {
      message[random.pick(KEYS)] = anyValue(random, 2);
    }
    return random.below(2) === 0 ? utf8.encode(JSON.stringify(message)) : encode(message);
  };

  run(input: Uint8Array): string | undefined {
    const command = readCommand(input);
    if (command === undefined) {
      this.#signature = DECLINED;
      return undefined;
    }
    this.#signature = shapeOf(command);
    return flawOf(command);
  }

  signature(): string {
    return this.#signature;
  }
}

function anyValue(random: Random, depth: number): unknown {
  switch (random.below(depth > 0 ? 7 : 4)) {
    case 0:
      return null;
    case 1:
      return random.below(1_000) - 500;
    case 2:
      return random.below(2) === 0;
    case 3:
      return random.pick(TEXTS);
    case 4: {
      const data: Record<string, unknown> = {};
      for (let left = random.below(3); left > 0; left--) {
        data[random.pick(KEYS)] = anyValue(random, depth - 1);
      }
      return data;
    }
    case 5:
      return Array.from({ length: random.below(20) }, () => anyValue(random, depth - 1));
    default:
      return Array.from({ length: random.below(20) }, () => random.pick(TEXTS));
  }
}

function shapeOf(command: Command): string {
  const { action, format } = command;
  if ("symbols" in command) {
    const sizes = [...command.symbols].map(([key, { size }]) => `${key}${Math.min(2, size)}`);
    return [action, format, ...sizes].join(" ");
  }
  if ("streams" in command) return `${action} ${format} ${command.streams?.length ?? "none"}`;
  return `${action} ${format} ${command.key !== ""} ${command.secret !== ""}`;
}

/** What is wrong with a command; `undefined` for nothing. */
function flawOf(command: Command): string | undefined {
  const message = messageOf(command);
  const text = JSON.stringify(message);
  // MessagePack has no text with half of a surrogate pair, which JSON escapes.
  const binary = /\\ud[89a-f]/.test(text) ? [] : [encode(message)];
  const again = [utf8.encode(text), ...binary].map(readCommand);
  for (const other of again) {
    if (other === undefined || !same({ ...other, format: "" }, { ...command, format: "" })) {
      return "The command is not read again from what it says";
    }
  }
  return undefined;
}

/** The message that a command is read from. */
function messageOf(command: Command): Readonly<Record<string, unknown>> {
  const { action } = command;
  if ("symbols" in command) {
    const lists = Array.from(command.symbols, ([key, symbols]) => [key, [...symbols]]);
    // A request names a channel also if it has no symbols.
    return { action, news: null, ...Object.fromEntries(lists) };
  }
  if ("streams" in command) return { action, data: { streams: command.streams ?? null } };
  const { key, secret } = command;
  return action === "auth"
    ? { action, key, secret }
    : { action, data: { key_id: key, secret_key: secret } };
}
