/**
 * JSON replies. 64-bit trade ids are written digit by digit.
 *
 * @module
 */
import { encodeJson } from "../protocol/json_encoder.ts";

/** A reply before its headers are complete. */
export interface Reply {
  readonly status: number;
  /** Undefined for an empty body. */
  readonly body?: unknown;
}

/** A good reply with a JSON body. */
export function ok(body: unknown): Reply {
  return { status: 200, body };
}

/** Writes a reply as an HTTP response. */
export function respond(
  { status, body }: Reply,
  headers: Record<string, string>,
): Response {
  if (body === undefined) return new Response(null, { status, headers });
  const text = typeof body === "object" && body !== null
    ? encodeJson(body)
    : JSON.stringify(body);
  return new Response(text, {
    status,
    headers: { ...headers, "content-type": "application/json; charset=UTF-8" },
  });
}
