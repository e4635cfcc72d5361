/**
 * A streaming call over HTTP/1.1.
 *
 * As with gRPC, at most one batch is being written; while the client is slower, messages wait in
 * the queue of the stream, where its losses are counted.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { Clock } from "../../../application/ports/clock.ts";
import type { Identity } from "../../../domain/access/grants.ts";
import type { StreamCall } from "../call.ts";
import { ClientGone, toCallError } from "../call_error.ts";
import type { EncodedMessages } from "../framed_batch.ts";
import type { RequestHolder } from "../request_holder.ts";
import type { WebProtocol } from "./protocol.ts";

/** Time in which a client has to read the end of its stream, in ms. */
const STATUS_GRACE_MS = 5_000;

/** What a {@linkcode WebCall} consists of. */
interface WebCallParts {
  readonly request: RequestHolder<Message>;
  readonly response: ServerResponse<IncomingMessage>;
  readonly protocol: WebProtocol;
  readonly output: DescMessage;
  readonly identity: Identity;
  readonly peer: string;
  readonly path: string;
  /** Headers of the response, beside its content type. */
  readonly headers: Readonly<Record<string, string>>;
  readonly clock: Pick<Clock, "sleep">;
}

/** A streaming call of a client of gRPC-Web or Connect. */
export class WebCall implements StreamCall<Message> {
  readonly request: RequestHolder<Message>;
  readonly identity: Identity;
  readonly peer: string;
  readonly path: string;
  /** Fires when the call is over. */
  readonly over: AbortSignal;
  readonly #parts: WebCallParts;

  constructor(parts: WebCallParts) {
    const { request, identity, peer, path, response } = parts;
    this.request = request;
    this.identity = identity;
    this.peer = peer;
    this.path = path;
    this.#parts = parts;
    const over = new AbortController();
    this.over = over.signal;
    if (response.destroyed) over.abort();
    else response.once("close", () => over.abort());
  }

  get userAgent(): string | undefined {
    return this.#parts.response.req.headers["user-agent"];
  }

  once(_event: "cancelled", listener: () => void): void {
    if (this.over.aborted) listener();
    else this.over.addEventListener("abort", listener, { once: true });
  }

  sendHeaders(): void {
    const { response, protocol, headers } = this.#parts;
    if (this.over.aborted || response.headersSent) return;
    response.writeHead(200, { ...headers, "content-type": protocol.contentType });
    response.flushHeaders();
  }

  write(messages: EncodedMessages, onWritten: () => void): void {
    const { response, protocol, output } = this.#parts;
    if (this.over.aborted || response.writableEnded) return;
    response.write(protocol.frame(output, messages), onWritten);
  }

  end(reason?: unknown): void {
    const { response, protocol } = this.#parts;
    if (reason instanceof ClientGone || this.over.aborted || response.writableEnded) return;
    this.sendHeaders();
    response.end(protocol.end(reason === undefined ? undefined : toCallError(reason)));
    void this.#closeUnread();
  }

  /** Closes the connection of a client that does not read the end of its stream. */
  async #closeUnread(): Promise<void> {
    const { clock, response } = this.#parts;
    await clock.sleep(STATUS_GRACE_MS, this.over);
    if (!this.over.aborted) response.req.socket.destroy();
  }
}
