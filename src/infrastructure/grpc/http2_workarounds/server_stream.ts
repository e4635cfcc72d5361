/**
 * Sends on a client's HTTP/2 stream; nothing else does. See `data_frames.ts`: DATA frames are
 * written beside HTTP/2, which sends the end of a stream after them.
 *
 * Thousands of streams are idle, so each has few objects, and listeners that are functions of all
 * streams.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type {
  OutgoingHttpHeaders,
  ServerHttp2Stream,
  ServerStreamResponseOptions,
} from "node:http2";
import type { StreamData } from "./data_frames.ts";

/** What the streams of a connection share. */
export interface StreamConnection {
  /** Destroys streams whose end is not taken in time. */
  readonly endedStreams: { add(stream: ServerHttp2Stream): void };
  /** Called after headers were sent; `isEnd` when nothing follows them. */
  readonly onResponse: (stream: ServerStream, isEnd: boolean) => void;
  /** Called when a stream has closed. */
  readonly onClosed: (stream: ServerStream) => void;
}

const ignore = () => {};

/** A stream that a client has opened. */
export class ServerStream {
  /** The stream of HTTP/2, to read it and to close it. */
  readonly http2: ServerHttp2Stream;
  readonly #data: StreamData;
  readonly #connection: StreamConnection;
  /** Called when the stream has closed. */
  #onClosed: (() => void) | undefined;

  constructor(http2: ServerHttp2Stream, data: StreamData, connection: StreamConnection) {
    this.http2 = http2;
    this.#data = data;
    this.#connection = connection;
    http2.on("close", () => this.#close());
  }

  /** Id in the connection. */
  get id(): number {
    return this.#data.id;
  }

  /** Whether nothing can be sent. */
  get isClosed(): boolean {
    return this.http2.closed || this.http2.destroyed;
  }

  /** Whether headers were sent. */
  get isAnswered(): boolean {
    return this.http2.headersSent;
  }

  /** Registers a listener for the end of the stream. */
  onClosed(listener: () => void): void {
    const others = this.#onClosed;
    this.#onClosed = others === undefined ? listener : () => {
      others();
      listener();
    };
  }

  /** Sends headers; to be called once. */
  respond(headers: OutgoingHttpHeaders, options?: ServerStreamResponseOptions): void {
    this.http2.respond(headers, options);
    this.#connection.onResponse(this, options?.endStream === true);
  }

  /** Sends bytes behind the headers; `onTaken` is called when they were taken. */
  write(chunk: Uint8Array, onTaken: () => void): void {
    this.#data.write(chunk, onTaken);
  }

  /** Ends the stream after everything that was written, and after `text`. */
  end(text?: string, onFinished?: () => void): void {
    const { http2 } = this;
    if (http2.closed) this.#data.close();
    else if (text !== undefined) this.#data.write(Buffer.from(text), ignore);
    if (onFinished) http2.once("finish", onFinished);
    this.#connection.endedStreams.add(http2);
    this.#data.end(() => http2.end());
  }

  #close(): void {
    this.#connection.onClosed(this);
    this.#data.close();
    const listener = this.#onClosed;
    this.#onClosed = undefined;
    listener?.();
  }
}
