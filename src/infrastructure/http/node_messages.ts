/**
 * Converts between the messages of node:http and those of the routes.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RouteRequest } from "./routes.ts";

/** `host` or `host:port` as a URL may have them; empty is allowed. */
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]*)?$/;

/**
 * The request as routes read it.
 *
 * Its URL has the host of the `Host` header, or `localhost` without one. A target that is not a
 * path of this server ("*", "host:port") becomes `/*`.
 *
 * @returns the reason, for the client, when the request is invalid
 */
export function routeRequest(message: IncomingMessage): RouteRequest | string {
  const { host: hosts = [] } = message.headersDistinct;
  const [host] = hosts;
  if (hosts.length > 1) return "There is more than one Host header";
  if (host === undefined && message.httpVersion !== "1.0") {
    return "A Host header is missing";
  }
  if (host && !isHost(host)) return "The Host header is invalid";
  const { method = "", url: target = "" } = message;
  const url = urlOf(target, host || "localhost");
  if (url === undefined) return "The request target is invalid";
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(message.headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  return { method, url, headers };
}

function isHost(value: string): boolean {
  return HOST.test(value) && URL.canParse(`http://${value}/`);
}

function urlOf(target: string, host: string): string | undefined {
  if (target.startsWith("/")) return URL.parse(`http://${host}${target}`)?.href;
  const [, authority] = /^https?:\/\/([^/?#]*)/i.exec(target) ?? [];
  if (authority === undefined) return `http://${host}/*`;
  return authority !== "" && isHost(authority) ? URL.parse(target)?.href : undefined;
}

/** True when a body follows the request's head. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined ||
    Number(headers["content-length"] ?? 0) > 0;
}

/** How {@linkcode sendResponse} sends. */
interface SendOptions {
  /** Time in which the client has to read the response or one event, in ms. */
  readonly timeoutMs: number;
  /** Whether another request may follow on the connection. */
  readonly keepAlive: boolean;
}

/**
 * Sends a response; resolves when it is sent or its connection has closed. A client that does not
 * read it in time is disconnected.
 *
 * An event stream is sent event by event as it is read, every other response whole, with its
 * length.
 */
export async function sendResponse(
  response: Response,
  to: ServerResponse<IncomingMessage>,
  { timeoutMs, keepAlive }: SendOptions,
): Promise<void> {
  const { httpVersion, socket } = to.req;
  if (socket.destroyed) {
    await response.body?.cancel();
    return;
  }
  const closed = new Promise<void>((resolve) => to.once("close", resolve));
  const inTime = async (event: Promise<void>) => {
    const late = setTimeout(() => socket.destroy(), timeoutMs);
    await Promise.race([event, closed]);
    clearTimeout(late);
  };
  to.statusCode = response.status;
  for (const [name, value] of response.headers) to.setHeader(name, value);
  if (!keepAlive) to.setHeader("connection", "close");
  // HTTP/1.1 keeps a connection without a header.
  else if (httpVersion !== "1.0") to.removeHeader("connection");
  // Events have no known length; every other response is a short text.
  if (response.body && response.headers.get("content-type") === "text/event-stream") {
    const reader = response.body.getReader();
    closed.then(() => reader.cancel()).catch(() => {});
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (to.write(value)) continue;
      await inTime(new Promise((resolve) => to.once("drain", resolve)));
    }
    to.end();
  } else {
    const body = await response.bytes();
    to.setHeader("content-length", body.length);
    to.end(body);
  }
  await inTime(closed);
}
