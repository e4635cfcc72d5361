/**
 * Encodes frames as JSON or MessagePack and decodes the clients' messages.
 *
 * @module
 */
import { decode } from "@msgpack/msgpack";
import type { StreamKind } from "./endpoints.ts";
import type { Encodable } from "./messages.ts";
import { encodeMsgpack, msgpackFrame } from "./msgpack_encoder.ts";
import { formatTimestamp, Timestamp } from "./timestamp.ts";

/** How the frames of a session are written. */
export type Encoding = "json" | "msgpack";

/** One message or frame in a session's encoding: text for JSON. */
export type Encoded = string | Uint8Array;

/** The encoding that an upgrade request's `Content-Type` selects. */
export function encodingFor(
  kind: StreamKind,
  contentType: string | undefined,
): Encoding {
  if (kind === "options" || isMsgpack(contentType)) return "msgpack";
  return "json";
}

/** Whether a `Content-Type` is that of MessagePack. */
export function isMsgpack(contentType: string | undefined): boolean {
  const type = contentType?.split(";")[0]?.trim().toLowerCase();
  return type === "application/msgpack";
}

/** Encodes one message of a stream of this kind. */
export function encode(
  encoding: Encoding,
  value: Encodable | object,
  kind: StreamKind = "stocks",
): Encoded {
  return encoding === "json" ? encodeJson(value) : encodeMsgpack(value, kind);
}

/** Puts messages of one encoding into one array frame. */
export function frameOf(
  encoding: Encoding,
  messages: readonly Encoded[],
): Encoded {
  // All messages of an outbox have its encoding.
  return encoding === "json"
    ? jsonFrame(messages as readonly string[])
    : msgpackFrame(messages as readonly Uint8Array[]);
}

const PLAIN_TEXT = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const MAX_CACHED_KEYS = 256;
const quotedKeys = new Map<string, string>();

/**
 * Encodes a value as Alpaca's JSON: `T` first, no spaces, 64-bit ids digit by
 * digit, timestamps as trimmed RFC 3339. Undefined members are left out.
 */
export function encodeJson(value: Encodable | object): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") {
    return Number.isFinite(value) ? String(value) : "null";
  }
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "boolean") return value ? "true" : "false";
  if (value === null) return "null";
  if (value instanceof Timestamp) return `"${formatTimestamp(value)}"`;
  if (Array.isArray(value)) return `[${value.map(encodeJson).join(",")}]`;
  return object(value as Record<string, Encodable | undefined>);
}

/** One frame of encoded messages. */
export function jsonFrame(messages: readonly string[]): string {
  return `[${messages.join(",")}]`;
}

function object(value: Record<string, Encodable | undefined>): string {
  const type = value["T"];
  let text = type === undefined ? "" : `"T":${encodeJson(type)}`;
  for (const key in value) {
    const member = value[key];
    if (key === "T" || member === undefined) continue;
    text += (text === "" ? "" : ",") + quotedKey(key) + encodeJson(member);
  }
  return `{${text}}`;
}

function quotedKey(key: string): string {
  let quoted = quotedKeys.get(key);
  if (quoted !== undefined) return quoted;
  quoted = `${JSON.stringify(key)}:`;
  // The protocol has few keys; those of hand-made messages are unbounded.
  if (quotedKeys.size < MAX_CACHED_KEYS) quotedKeys.set(key, quoted);
  return quoted;
}

function quote(text: string): string {
  return PLAIN_TEXT.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** A decoded message of a client. */
export interface ClientMessage {
  readonly encoding: Encoding;
  readonly members: Readonly<Record<string, unknown>>;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });
const FIX_MAP = 0x80;
const MAP_16 = 0xde;
const MAP_32 = 0xdf;

/**
 * Decodes one message of a client by its first byte, not by the frame's opcode:
 * a MessagePack map, else JSON text. Two documents in one frame are invalid, as
 * on Alpaca. Undefined for anything but a map or object.
 */
export function decodeClientMessage(data: Encoded): ClientMessage | undefined {
  try {
    if (typeof data !== "string" && startsMap(data[0])) {
      return asMessage("msgpack", decode(data));
    }
    const text = typeof data === "string" ? data : UTF8.decode(data);
    return asMessage("json", JSON.parse(text));
  } catch (error) {
    // Clients may send anything; the caller replies with an error.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function startsMap(first: number | undefined): boolean {
  if (first === undefined) return false;
  return (first & 0xf0) === FIX_MAP || first === MAP_16 || first === MAP_32;
}

function asMessage(
  encoding: Encoding,
  value: unknown,
): ClientMessage | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return undefined;
  }
  return { encoding, members: value as Record<string, unknown> };
}
