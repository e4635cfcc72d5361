/**
 * Frames of the trading stream. Out: JSON inside binary frames (as the paper
 * host does), JSON in text frames, or MessagePack when the upgrade asked for
 * `Content-Type: application/msgpack`. In: whatever it looks like, because
 * clients send JSON text, JSON in binary frames, or MessagePack.
 *
 * @module
 */
import { decode, encode } from "@msgpack/msgpack";

/** How frames leave the server. */
export type TradingEncoding = "binary" | "text" | "msgpack";

const OPENING_BRACE = 0x7b;
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
const toUtf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** The encoding for a connection, by its upgrade request's Content-Type. */
export function tradingEncoding(
  contentType: string | null,
  frames: "binary" | "text",
): TradingEncoding {
  const type = contentType?.split(";")[0]?.trim().toLowerCase();
  return type === "application/msgpack" ? "msgpack" : frames;
}

/** Encodes one server message. */
export function encodeMessage(
  message: unknown,
  encoding: TradingEncoding,
): string | Uint8Array {
  if (encoding === "msgpack") return encode(message);
  const text = JSON.stringify(message);
  return encoding === "text" ? text : toUtf8.encode(text);
}

/** Decodes one client message; throws when it is neither JSON nor MessagePack. */
export function decodeMessage(data: string | Uint8Array): unknown {
  if (typeof data === "string") return JSON.parse(data);
  return data.find((byte) => !SPACES.has(byte)) === OPENING_BRACE
    ? JSON.parse(fromUtf8.decode(data))
    : decode(data);
}
