/**
 * Reads the time of messages as Alpaca sent them.
 *
 * @module
 */
import { decode } from "@msgpack/msgpack";
import type { MessagePlace } from "../../application/relay/relayed_message.ts";

const OPEN_MAP = 0x7b;
const utf8 = new TextDecoder();

/** The time of a trade, quote or order book in epoch ms; `undefined` without one. */
export function readMessageTime({ frame, start, end }: MessagePlace): number | undefined {
  const bytes = frame.subarray(start, end);
  try {
    const isJson = bytes[0] === OPEN_MAP;
    const { T, t } = isJson ? JSON.parse(utf8.decode(bytes)) : decode(bytes) as Message;
    // Corrections and cancels are no trades of that time.
    if (T !== "t" && T !== "q" && T !== "o") return undefined;
    const time = t instanceof Date ? t.getTime() : Date.parse(String(t));
    return Number.isNaN(time) ? undefined : time;
  } catch {
    return undefined;
  }
}

interface Message {
  readonly T?: unknown;
  readonly t?: unknown;
}
