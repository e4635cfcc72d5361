/**
 * The port of handlers to one call of a client, by any protocol: gRPC over HTTP/2, or gRPC-Web and
 * Connect over HTTP/1.1.
 *
 * @module
 */
import type { Identity } from "../../domain/access/grants.ts";
import type { EncodedMessages } from "./framed_batch.ts";
import type { RequestHolder } from "./request_holder.ts";

/** A streaming call; one write is a batch. */
export interface Call {
  /** Address and port of the client. */
  readonly peer: string;
  /** Path of the method: `/package.Service/Method`. */
  readonly path: string;
  /** Who the client is. */
  readonly identity: Identity;
  /** What the client names itself. */
  readonly userAgent: string | undefined;
  /** Registers a listener for the end of the call, for any reason; it is called once. */
  once(event: "cancelled", listener: () => void): unknown;
  /** Sends response headers immediately: clients wait for them with a deadline. */
  sendHeaders(): void;
  /** @param onWritten called when the network has taken the messages, unless the call is over */
  write(messages: EncodedMessages, onWritten: () => void): unknown;
  /**
   * Ends the call, also during a write; does nothing if its client is gone.
   *
   * @param reason an error, which is sent as its status; without it the status is OK
   */
  end(reason?: unknown): void;
}

/** A streaming call with one request. */
export interface StreamCall<I = unknown> extends Call {
  readonly request: Pick<RequestHolder<I>, "take">;
}

/** A call that streams both ways. */
export interface DuplexCall<I> extends Call {
  /** The requests, as they arrive. */
  readonly requests: AsyncIterable<Pick<RequestHolder<I>, "take">>;
}
