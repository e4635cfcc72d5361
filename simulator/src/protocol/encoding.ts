import type { Encodable } from "./elements.ts";
import { encodeJson, jsonFrame } from "./json_encoder.ts";
import { encodeMsgpack, msgpackFrame } from "./msgpack_encoder.ts";

/** How the frames of a session are written. */
export type Encoding = "json" | "msgpack";

/** One element or frame in a session's encoding: text for JSON. */
export type Encoded = string | Uint8Array;

/** Encodes a value once for every session of an encoding. */
export function encode(encoding: Encoding, value: Encodable | object): Encoded {
  return encoding === "json" ? encodeJson(value) : encodeMsgpack(value);
}

/** Puts encoded elements of one encoding into one array frame. */
export function frameOf(encoding: Encoding, parts: readonly Encoded[]) {
  // An outbox only ever holds parts of its own encoding.
  return encoding === "json"
    ? jsonFrame(parts as readonly string[])
    : msgpackFrame(parts as readonly Uint8Array[]);
}

/** The encoding that an upgrade request's Content-Type asks for. */
export function encodingFor(
  kind: "stocks" | "options",
  contentType: string | undefined,
): Encoding {
  if (kind === "options") return "msgpack";
  const type = contentType?.split(";")[0]?.trim().toLowerCase();
  return type === "application/msgpack" ? "msgpack" : "json";
}
