/**
 * Serves the requests of one HTTP/1.x connection, one after the other.
 *
 * Request bodies are not read: an answer to a request with one closes the
 * connection. Each wait for the client has a deadline, which the owner checks
 * by `expire`:
 *
 * | Waiting for | Deadline |
 * | --- | --- |
 * | the next request | `idleMs` after the last answer |
 * | the rest of a request's head | `idleMs` after its first byte |
 * | an answer of known length to be taken | `idleMs` after its first byte |
 * | one event of a stream to be taken | `idleMs` |
 *
 * @module
 */
import { RequestBuffer } from "./request_buffer.ts";
import { type HeadError, parseHead, type RequestHead } from "./request_head.ts";
import { chunkBytes, concat, endBytes, headBytes } from "./response_bytes.ts";
import { type Handler, text } from "./routes.ts";

/** Bytes that are read and dropped after a final answer, at most. */
const MAX_LINGER_BYTES = 256 * 1024;

/** How long a connection is read after a final answer, in ms. */
const LINGER_MS = 1_000;

const TOO_LONG: ConnectionError = {
  status: 431,
  reason: "The request line and headers are too long",
};

const NOT_HTTP: ConnectionError = {
  status: 400,
  reason: "This port serves HTTP/1.1 without TLS",
};

/** What a connection is served with. */
export interface HttpConnectionOptions {
  readonly handler: Handler;
  /** Longest wait for the client, in ms. */
  readonly idleMs: number;
  /** Monotonic ms. */
  readonly monotonic: () => number;
}

/** One connection. */
export class HttpConnection {
  readonly #conn: Deno.TcpConn;
  readonly #options: HttpConnectionOptions;
  readonly #buffer = new RequestBuffer();
  #idleSince: number | undefined;
  #deadline = Infinity;
  #draining = false;
  #closed = false;

  /** @param conn the socket; it is closed when `serve` returns */
  constructor(conn: Deno.TcpConn, options: HttpConnectionOptions) {
    this.#conn = conn;
    this.#options = options;
    this.#idleSince = options.monotonic();
  }

  /** Monotonic ms since which no request is under way; undefined in one. */
  get idleSince(): number | undefined {
    return this.#idleSince;
  }

  /** Serves until the connection ends; never rejects. */
  async serve(): Promise<void> {
    try {
      while (await this.#serveOne()) {
        // The next request of the same connection.
      }
    } catch {
      // The connection is gone, or was closed here.
    } finally {
      this.close();
    }
  }

  /** Closes the connection if the client has exceeded a deadline. */
  expire(now: number): void {
    if (now >= this.#deadline) this.close();
  }

  /** Ends after the answer that is under way, or now if there is none. */
  drain(): void {
    this.#draining = true;
    if (this.#idleSince !== undefined) this.close();
  }

  /** Closes the connection; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#conn.close();
    } catch {
      // It has failed before.
    }
  }

  /** True when another request may follow. */
  async #serveOne(): Promise<boolean> {
    const head = await this.#readHead();
    if (head === undefined) return false;
    this.#idleSince = undefined;
    if ("reason" in head) return await this.#refuse(head);
    const keepAlive = head.keepAlive && !head.hasBody && !this.#draining;
    const completed = Promise.withResolvers<void>();
    try {
      this.#deadline = Infinity;
      const response = await this.#options.handler({
        request: head,
        completed: completed.promise,
      });
      const stays = await this.#send(response, { head, keepAlive });
      if (head.hasBody) await this.#linger();
      return stays && !this.#draining;
    } finally {
      completed.resolve();
      this.#wait();
    }
  }

  /** Waits for the next request from now on. */
  #wait(): void {
    const now = this.#options.monotonic();
    this.#idleSince = now;
    this.#deadline = now + this.#options.idleMs;
  }

  async #readHead(): Promise<RequestHead | ConnectionError | undefined> {
    this.#wait();
    let begun = false;
    for (;;) {
      const head = this.#buffer.takeHead();
      if (head !== undefined) return parseHead(head);
      if (this.#buffer.full) return TOO_LONG;
      if (!this.#buffer.plausible) return NOT_HTTP;
      const count = await this.#conn.read(this.#buffer.room());
      if (count === null) return undefined;
      this.#buffer.filled(count);
      if (begun) continue;
      begun = true;
      this.#deadline = this.#options.monotonic() + this.#options.idleMs;
    }
  }

  async #refuse({ status, reason }: ConnectionError): Promise<false> {
    const head = { method: "GET", modern: true };
    await this.#send(text(`${reason}\n`, status), { head, keepAlive: false });
    await this.#linger();
    return false;
  }

  async #send(response: Response, to: Recipient): Promise<boolean> {
    const { head: { method, modern }, keepAlive } = to;
    if (isStream(response)) {
      await this.#stream(response, { modern });
      return false;
    }
    const body = await response.bytes();
    const head = headBytes(response, {
      modern,
      keepAlive,
      length: body.length,
    });
    this.#deadline = this.#options.monotonic() + this.#options.idleMs;
    await this.#write(method === "HEAD" ? head : concat([head, body]));
    return keepAlive;
  }

  /** Sends events until they end or the client has gone. */
  async #stream(
    response: Response,
    { modern }: { readonly modern: boolean },
  ): Promise<void> {
    const reader = response.body?.getReader();
    if (!reader) return;
    const head = headBytes(response, {
      modern,
      keepAlive: false,
      length: undefined,
    });
    const gone = this.#untilGone();
    try {
      await this.#writeInTime(head);
      for (;;) {
        const next = await Promise.race([reader.read(), gone]);
        if (next === undefined) return;
        if (next.done) break;
        await this.#writeInTime(chunkBytes(next.value, modern));
      }
      await this.#writeInTime(endBytes(modern));
    } finally {
      await reader.cancel().catch(() => {});
      this.close();
    }
  }

  /** Resolves when the client closes; what it sends meanwhile is dropped. */
  async #untilGone(): Promise<undefined> {
    const dropped = new Uint8Array(1_024);
    try {
      while (await this.#conn.read(dropped) !== null) {
        // Nothing is expected from the reader of a stream.
      }
    } catch {
      // Reset, or closed here.
    }
    return undefined;
  }

  async #writeInTime(bytes: Uint8Array): Promise<void> {
    this.#deadline = this.#options.monotonic() + this.#options.idleMs;
    await this.#write(bytes);
    this.#deadline = Infinity;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#conn.write(bytes.subarray(sent));
    }
  }

  /** Lets the client read the answer before unread bytes reset the connection. */
  async #linger(): Promise<void> {
    this.#deadline = this.#options.monotonic() + LINGER_MS;
    await this.#conn.closeWrite();
    const dropped = new Uint8Array(16 * 1_024);
    for (let read = 0; read < MAX_LINGER_BYTES;) {
      const count = await this.#conn.read(dropped);
      if (count === null) return;
      read += count;
    }
  }
}

/** Why a connection ends after an answer. */
type ConnectionError = Omit<HeadError, "status"> & { readonly status: number };

/** Where a response goes. */
interface Recipient {
  readonly head: Pick<RequestHead, "method" | "modern">;
  readonly keepAlive: boolean;
}

/** Events have no known length; every other answer is a short text. */
function isStream(response: Response): boolean {
  return response.body !== null &&
    response.headers.get("content-type") === "text/event-stream";
}
