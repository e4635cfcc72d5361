import type { Encodable } from "./elements.ts";
import { formatInstant, Instant } from "./instant.ts";

const PLAIN_TEXT = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const quotedKeys = new Map<string, string>();

/**
 * Encodes a value as Alpaca's JSON: `T` first, no spaces, 64-bit ids digit by
 * digit, timestamps as trimmed RFC 3339. Undefined members are left out.
 */
export function encodeJson(value: Encodable | object): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return number(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "boolean") return value ? "true" : "false";
  if (value === null) return "null";
  if (value instanceof Instant) return `"${formatInstant(value)}"`;
  if (Array.isArray(value)) return `[${value.map(encodeJson).join(",")}]`;
  return object(value as Record<string, Encodable | undefined>);
}

/** One frame from elements that are encoded already. */
export function jsonFrame(elements: readonly string[]): string {
  return `[${elements.join(",")}]`;
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
  // Keys of the protocol are few; hand-made ones must not grow this for ever.
  if (quotedKeys.size < 256) quotedKeys.set(key, quoted);
  return quoted;
}

function quote(text: string): string {
  return PLAIN_TEXT.test(text) ? `"${text}"` : JSON.stringify(text);
}

function number(value: number): string {
  return Number.isFinite(value) ? String(value) : "null";
}
