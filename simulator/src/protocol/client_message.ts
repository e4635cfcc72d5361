import { decode } from "@msgpack/msgpack";

/** A client's message after decoding: its members and how it was written. */
export interface ClientMessage {
  readonly encoding: "json" | "msgpack";
  readonly members: Readonly<Record<string, unknown>>;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });
const FIX_MAP = 0x80;
const MAP_16 = 0xde;
const MAP_32 = 0xdf;

/**
 * Decodes one client message by its first byte, whatever the frame's opcode:
 * a MessagePack map, else JSON text. Two documents in one frame do not parse,
 * as on Alpaca. Undefined when it is no map or object.
 */
export function decodeClientMessage(
  data: string | Uint8Array,
): ClientMessage | undefined {
  try {
    if (typeof data !== "string" && startsMap(data[0])) {
      return asMessage("msgpack", decode(data));
    }
    const text = typeof data === "string" ? data : UTF8.decode(data);
    return asMessage("json", JSON.parse(text));
  } catch (error) {
    // A client may send anything; the caller answers with code 400.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function startsMap(first: number | undefined): boolean {
  if (first === undefined) return false;
  return (first & 0xf0) === FIX_MAP || first === MAP_16 || first === MAP_32;
}

function asMessage(
  encoding: "json" | "msgpack",
  value: unknown,
): ClientMessage | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return undefined;
  }
  return { encoding, members: value as Record<string, unknown> };
}
