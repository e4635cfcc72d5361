/**
 * Writes responses as bytes of HTTP/1.x.
 *
 * A body of known length is sent with `content-length`, an event stream in
 * chunks (to HTTP/1.0 until the connection ends).
 *
 * @module
 */

/** Order of the headers, so that answers are the same from release to release. */
const ORDER = [
  "content-security-policy",
  "referrer-policy",
  "cross-origin-resource-policy",
  "x-frame-options",
  "content-type",
  "cache-control",
  "x-content-type-options",
  "allow",
  "retry-after",
];

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

const LAST_CHUNK = new TextEncoder().encode("0\r\n\r\n");
const LINE_END = new TextEncoder().encode("\r\n");

/** What a head says beside the headers of the response. */
export interface HeadOptions {
  /** True for HTTP/1.1, false for HTTP/1.0. */
  readonly modern: boolean;
  readonly keepAlive: boolean;
  /** Bytes of the body; undefined for a stream. */
  readonly length: number | undefined;
}

/** The bytes of a response's head, the empty line included. */
export function headBytes(
  response: Response,
  { modern, keepAlive, length }: HeadOptions,
): Uint8Array<ArrayBuffer> {
  const { status, headers } = response;
  const fields = [...headers].sort(([a], [b]) => rank(a) - rank(b));
  const lines = [
    `HTTP/1.${modern ? 1 : 0} ${status} ${REASONS[status] ?? "Unknown"}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
  ];
  if (length !== undefined) lines.push(`content-length: ${length}`);
  else if (modern) lines.push("transfer-encoding: chunked");
  lines.push(`date: ${new Date().toUTCString()}`);
  if (length !== undefined && keepAlive !== modern) {
    lines.push(`connection: ${keepAlive ? "keep-alive" : "close"}`);
  }
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
}

function rank(name: string): number {
  const at = ORDER.indexOf(name);
  return at < 0 ? ORDER.length : at;
}

/** One piece of a stream; to HTTP/1.0 as it is. */
export function chunkBytes(data: Uint8Array, modern: boolean): Uint8Array {
  if (!modern || data.length === 0) return data;
  const size = new TextEncoder().encode(`${data.length.toString(16)}\r\n`);
  return concat([size, data, LINE_END]);
}

/** What ends a stream; empty for HTTP/1.0, where the connection's end does. */
export function endBytes(modern: boolean): Uint8Array {
  return modern ? LAST_CHUNK : new Uint8Array();
}

/** All parts in one. */
export function concat(
  parts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
