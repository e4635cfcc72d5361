/**
 * The HTTP/2 connection under a gRPC client: dialed by the first call, dialed
 * anew by the first call after it was lost or told to go away, and closed for
 * good by its owner.
 *
 * Deno's HTTP/2 client (seen in 2.9.6) reads frames in native code and tells
 * JavaScript about them meanwhile. Whoever closes the session inside such an
 * event frees it under its own reader. grpc-js and connect-node's own session
 * manager do so on GOAWAY: a proxy that stops while its client has no call ends
 * the client's process, by a segmentation fault or a failed assertion. So
 * nothing here closes a session inside an event, and what Deno itself closes is
 * closed in the next turn of the event loop, after the reader has returned.
 *
 * @module
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import { setImmediate } from "node:timers";
import { Code, ConnectError } from "@connectrpc/connect";

/** Detects a peer that has vanished: within 30 s by default. */
export interface KeepAlive {
  /**
   * Milliseconds between two PING frames.
   *
   * @default 20_000
   */
  readonly intervalMs?: number;
  /**
   * Milliseconds within which the peer has to reply.
   *
   * @default 10_000
   */
  readonly timeoutMs?: number;
  /**
   * Milliseconds within which a connection has to open.
   *
   * @default 10_000
   */
  readonly dialTimeoutMs?: number;
}

/** A connection as connect-node's transports use it. */
export class Http2Connection implements Disposable {
  /** Scheme, host and port: `http://localhost:50052`. */
  readonly authority: string;
  readonly #keepAlive: Required<KeepAlive>;
  /** The session that new calls use. */
  #current: Promise<ClientHttp2Session> | undefined;
  /** Closes each session that lives; one that goes away lives on for a while. */
  readonly #closers = new Set<() => void>();

  constructor(url: string, keepAlive: KeepAlive = {}) {
    this.authority = new URL(url).origin;
    this.#keepAlive = {
      intervalMs: 20_000,
      timeoutMs: 10_000,
      dialTimeoutMs: 10_000,
      ...keepAlive,
    };
  }

  /**
   * Opens a stream, and a session before when there is none.
   *
   * @throws whatever keeps the session from being opened.
   */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
  ): Promise<ClientHttp2Stream> {
    const session = await (this.#current ??= this.#dial());
    return session.request({ ...headers, ":method": method, ":path": path });
  }

  /** Bytes that arrive need no notice: the peer is asked in any case. */
  notifyResponseByteRead(): void {}

  /** Closes the connection and breaks off what runs on it. */
  [Symbol.dispose](): void {
    for (const close of this.#closers) close();
  }

  #dial(): Promise<ClientHttp2Session> {
    const { promise, resolve, reject } = Promise.withResolvers<
      ClientHttp2Session
    >();
    const session = connect(this.authority);
    const close = () => {
      failed(new ConnectError("the connection was closed", Code.Canceled));
      destroy(undefined, constants.NGHTTP2_CANCEL);
    };
    const destroy = closeInOwnTurn(session);
    const forget = () => {
      if (this.#current === promise) this.#current = undefined;
    };
    const { dialTimeoutMs } = this.#keepAlive;
    const failed = (error: unknown) => {
      clearTimeout(dialing);
      forget();
      reject(error);
    };
    const dialing = setTimeout(() => {
      const reason = `no connection within ${dialTimeoutMs} ms`;
      failed(new ConnectError(reason, Code.Unavailable));
      // Deno 2.9.6 reports neither "error" nor "close" before TCP gives up.
      this.#closers.delete(close);
      session.destroy();
    }, dialTimeoutMs);
    this.#closers.add(close);
    session.once("connect", () => {
      clearTimeout(dialing);
      probe(session, this.#keepAlive);
      resolve(session);
    });
    session.once("goaway", forget);
    session.on("error", failed);
    session.once("close", () => {
      this.#closers.delete(close);
      failed(new ConnectError("the connection was closed", Code.Canceled));
    });
    return promise;
  }
}

/** Defers every close but that by the function which is returned. */
function closeInOwnTurn(
  session: ClientHttp2Session,
): ClientHttp2Session["destroy"] {
  const destroy = session.destroy.bind(session);
  for (const name of ["close", "destroy"] as const) {
    const run: (...args: never[]) => void = session[name];
    Object.defineProperty(session, name, {
      configurable: true,
      writable: true,
      value: (...args: never[]) => {
        setImmediate(() => run.apply(session, args));
      },
    });
  }
  return destroy;
}

/** Asks the peer for a sign of life until the session is closed. */
function probe(
  session: ClientHttp2Session,
  { intervalMs, timeoutMs }: Required<KeepAlive>,
): void {
  let patience: ReturnType<typeof setTimeout> | undefined;
  const giveUp = () =>
    session.destroy(
      new ConnectError(`no sign of life in ${timeoutMs} ms`, Code.Unavailable),
    );
  const ask = () => {
    if (session.destroyed) return;
    patience ??= setTimeout(giveUp, timeoutMs);
    session.ping(() => {
      clearTimeout(patience);
      patience = undefined;
    });
  };
  if (session.destroyed) return;
  const rhythm = setInterval(ask, intervalMs);
  session.once("close", () => {
    clearInterval(rhythm);
    clearTimeout(patience);
  });
}
