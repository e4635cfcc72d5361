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
 * Its URL has the host of the `Host` header, or `localhost` without one. A target
 * that is not a path of this server ("*", "host:port") becomes `/*`.
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
export interface SendOptions {
  /** Time in which the client has to read the response or one event, in ms. */
  readonly timeoutMs: number;
  /** Whether another request may follow on the connection. */
  readonly keepAlive: boolean;
}

/**
 * Sends a response; resolves when it is sent or its connection has closed. A
 * client that does not read it in time is disconnected.
 *
 * An event stream is sent event by event as it is read, every other response
 * whole, with its length.
 */
export async function sendResponse(
  response: Response,
  to: ServerResponse<IncomingMessage>,
  { timeoutMs, keepAlive }: SendOptions,
): Promise<void> {
  const { req: { httpVersion, socket } } = to;
  if (socket.destroyed) {
    await response.body?.cancel();
    return;
  }
  to.statusCode = response.status;
  for (const [name, value] of response.headers) to.setHeader(name, value);
  if (!keepAlive) to.setHeader("connection", "close");
  // HTTP/1.1 keeps a connection without a header.
  else if (httpVersion !== "1.0") to.removeHeader("connection");
  const client = new Client(to, timeoutMs);
  if (isEvents(response)) {
    await sendEvents(response.body, to, client);
  } else {
    const body = await response.bytes();
    to.setHeader("content-length", body.length);
    to.end(body);
  }
  await client.done();
}

async function sendEvents(
  events: ReadableStream<Uint8Array>,
  to: ServerResponse,
  client: Client,
): Promise<void> {
  const reader = events.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  to.once("close", cancel);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!to.write(value)) await client.ready();
  }
  to.end();
}

/** Waits until a client has read what was sent, for a limited time. */
class Client {
  readonly #to: ServerResponse<IncomingMessage>;
  readonly #timeoutMs: number;
  readonly #closed = Promise.withResolvers<void>();
  #drained = Promise.withResolvers<void>();

  constructor(to: ServerResponse<IncomingMessage>, timeoutMs: number) {
    this.#to = to;
    this.#timeoutMs = timeoutMs;
    to.on("drain", () => this.#drained.resolve());
    to.once("close", () => {
      this.#drained.resolve();
      this.#closed.resolve();
    });
  }

  /** Resolves when more can be sent, or the connection has closed. */
  async ready(): Promise<void> {
    if (this.#to.closed) return;
    this.#drained = Promise.withResolvers();
    await this.#inTime(this.#drained.promise);
  }

  /** Resolves when the response is sent or its connection has closed. */
  async done(): Promise<void> {
    await this.#inTime(this.#closed.promise);
  }

  async #inTime(event: Promise<void>): Promise<void> {
    const { socket } = this.#to.req;
    const late = setTimeout(() => socket.destroy(), this.#timeoutMs);
    await event;
    clearTimeout(late);
  }
}

/** Events have no known length; every other response is a short text. */
function isEvents(
  response: Response,
): response is Response & { readonly body: ReadableStream<Uint8Array> } {
  return response.body !== null &&
    response.headers.get("content-type") === "text/event-stream";
}
