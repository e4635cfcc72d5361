/**
 * Parses the head of an HTTP/1.x request: request line and header fields.
 *
 * Strict where leniency has made servers disagree (RFC 9112): no folded lines,
 * no spaces before a colon, no control characters, exactly one valid `Host` in
 * HTTP/1.1. What is wrong is an error with its status, never an exception.
 *
 * @module
 */

/** Most header fields of a request. */
const MAX_FIELDS = 100;

/** A parsed head. */
export interface RequestHead {
  readonly method: string;
  /** Absolute; its host is the one that the client names, or `localhost`. */
  readonly url: string;
  readonly headers: Headers;
  /** True for HTTP/1.1, false for HTTP/1.0. */
  readonly modern: boolean;
  /** Whether the client wants to send another request on this connection. */
  readonly keepAlive: boolean;
  /** Whether a body follows. */
  readonly hasBody: boolean;
}

/** Why a head is refused. */
export interface HeadError {
  readonly status: 400;
  /** One sentence for the client. */
  readonly reason: string;
}

const REQUEST_LINE =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP\/1\.([01])$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/;
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]*)?$/;

/**
 * Parses a head without its empty line.
 *
 * @param text the bytes as Latin-1; lines end in LF or CRLF
 */
export function parseHead(text: string): RequestHead | HeadError {
  const [line = "", ...fieldLines] = text.split(/\r?\n/);
  const parts = REQUEST_LINE.exec(line);
  if (!parts) return bad("The request line is not one of HTTP/1.1");
  const [, method = "", target = "", minor] = parts;
  const headers = parseFields(fieldLines);
  if (typeof headers === "string") return bad(headers);
  const modern = minor === "1";
  const host = headers.get("host");
  if (modern && host === null) return bad("A Host header is missing");
  if (host !== null && !isHost(host)) return bad("The Host header is invalid");
  const url = resolve(target, host);
  if (url === undefined) return bad("The request target is invalid");
  const framing = framingOf(headers);
  if (framing === undefined) return bad("The length of the body is ambiguous");
  const connection = tokens(headers.get("connection"));
  return {
    method,
    url,
    headers,
    modern,
    keepAlive: !connection.includes("close") &&
      (modern || connection.includes("keep-alive")),
    hasBody: framing === "body",
  };
}

function bad(reason: string): HeadError {
  return { status: 400, reason };
}

/** The fields, or what is wrong with them. */
function parseFields(lines: readonly string[]): Headers | string {
  if (lines.length > MAX_FIELDS) return `More than ${MAX_FIELDS} headers`;
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined || CONTROL.test(value)) {
      return "A header is invalid";
    }
    if (/^host$/i.test(name) && headers.has("host")) {
      return "There is more than one Host header";
    }
    headers.append(name, value);
  }
  return headers;
}

/** True for `host` or `host:port` as a URL may have them; empty is allowed. */
function isHost(value: string): boolean {
  if (!HOST.test(value)) return false;
  return value === "" || URL.canParse(`http://${value}/`);
}

/** The URL that a request target means; undefined when it means none. */
function resolve(target: string, host: string | null): string | undefined {
  if (target.startsWith("/")) {
    return URL.parse(`http://${host || "localhost"}${target}`)?.href;
  }
  const [, authority] = /^https?:\/\/([^/?#]*)/i.exec(target) ?? [];
  if (authority === undefined) {
    // "*" of OPTIONS and "host:port" of CONNECT name no resource here.
    return /^(\*|[^/?#@]+:[0-9]+)$/.test(target)
      ? `http://${host || "localhost"}/*`
      : undefined;
  }
  return authority !== "" && isHost(authority)
    ? URL.parse(target)?.href
    : undefined;
}

/** Whether a body follows; undefined when readers could disagree about it. */
function framingOf(headers: Headers): "body" | "none" | undefined {
  const encoding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (encoding !== null) {
    return length === null && /^chunked$/i.test(encoding) ? "body" : undefined;
  }
  if (length === null) return "none";
  if (!/^[0-9]{1,15}$/.test(length)) return undefined;
  return Number(length) === 0 ? "none" : "body";
}

function tokens(value: string | null): string[] {
  return (value ?? "").toLowerCase().split(",").map((token) => token.trim());
}
