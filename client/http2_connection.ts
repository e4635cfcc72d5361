/**
 * The HTTP/2 connection of a gRPC client: dialed by the first call, dialed
 * again by the first call after it was lost or received GOAWAY, and closed by
 * its owner.
 *
 * Works around a crash of Deno 2.9.6 on GOAWAY: its HTTP/2 client reads frames
 * in native code and calls JavaScript while reading. Closing the session in
 * such an event frees it under its own reader. grpc-js and the session manager
 * of connect-node do so on GOAWAY: a proxy that stops while its client has no
 * call ends the client's process with a segmentation fault or a failed
 * assertion. So nothing here closes a session in an event, and what Deno itself
 * closes is deferred to the next turn of the event loop, after the reader has
 * returned. goaway_test.ts covers it.
 *
 * The session manager of connect-node 2.2.0 is not used for another reason too:
 * it removes its error handler from a session that fails while it opens, and a
 * second error of that session ("write EPIPE", while a proxy restarts) ends the
 * process. clients_test.ts covers it.
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
import type { TlsOptions } from "./credentials.ts";
import { deferred } from "./deferred.ts";

/** Detects an unreachable peer, within 30 s by default. */
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

/** Receive window of a stream: a client that reads slowly is not minutes behind. */
const STREAM_WINDOW = 16_384;

/** Receive window of the connection, so that unread streams do not stop the others. */
const CONNECTION_WINDOW = 16 * 1024 * 1024;

/** A connection as connect-node's transports use it. */
export class Http2Connection implements Disposable {
  /** Scheme, host and port: `http://localhost:50052`. */
  readonly authority: string;
  readonly #keepAlive: Required<KeepAlive>;
  readonly #tls: TlsOptions;
  /** The session that new calls use. */
  #current: Promise<ClientHttp2Session> | undefined;
  /** Closes each open session; one that received GOAWAY stays open for a while. */
  readonly #closers = new Set<() => void>();
  /** Open calls of each session. */
  readonly #calls = new WeakMap<ClientHttp2Session, number>();
  /** Sessions that new calls do not use. */
  readonly #retired = new WeakSet<ClientHttp2Session>();

  /** @param tls certificates, for a URL with https */
  constructor(url: string, keepAlive: KeepAlive = {}, tls: TlsOptions = {}) {
    this.authority = new URL(url).origin;
    this.#tls = tls;
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
   * @throws when the session cannot be opened
   */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
  ): Promise<ClientHttp2Stream> {
    const fields = { ...headers, ":method": method, ":path": path };
    const dialed = this.#current ??= this.#dial();
    let session = await dialed;
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(fields);
    } catch {
      // Deno 2.9.6 does not always report GOAWAY before it refuses new streams: "New streams
      // cannot be created after receiving a GOAWAY". The nginx test of clients_test.ts covers it.
      if (this.#current === dialed) this.#current = undefined;
      session = await (this.#current ??= this.#dial());
      stream = session.request(fields);
    }
    this.#calls.set(session, (this.#calls.get(session) ?? 0) + 1);
    stream.once("close", () => {
      const left = (this.#calls.get(session) ?? 1) - 1;
      this.#calls.set(session, left);
      if (left === 0 && this.#retired.has(session)) session.destroy();
    });
    return stream;
  }

  /**
   * Makes the next call dial a new session. The present one is closed when its
   * last call has ended.
   */
  renew(): void {
    const retired = this.#current;
    this.#current = undefined;
    retired?.then((session) => {
      this.#retired.add(session);
      if ((this.#calls.get(session) ?? 0) === 0) session.destroy();
    }, () => {});
  }

  /** Unused: pings are sent regardless of received bytes. */
  notifyResponseByteRead(): void {}

  /** Closes the connection and ends its calls. */
  [Symbol.dispose](): void {
    for (const close of this.#closers) close();
  }

  #dial(): Promise<ClientHttp2Session> {
    const { promise, resolve, reject } = deferred<ClientHttp2Session>();
    const session = connect(this.authority, {
      ...this.#tls,
      settings: { initialWindowSize: STREAM_WINDOW },
    });
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
      // An error of TLS or of the network has no code that gRPC knows.
      reject(error instanceof ConnectError ? error : unavailable(error));
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
      session.setLocalWindowSize(CONNECTION_WINDOW);
      keepAlive(session, this.#keepAlive);
      resolve(session);
    });
    session.once("goaway", forget);
    session.on("error", failed);
    session.once("close", () => {
      this.#closers.delete(close);
      failed(new ConnectError("the connection was closed", Code.Unavailable));
    });
    return promise;
  }
}

/** The error of a connection that cannot be opened. */
function unavailable(cause: unknown): ConnectError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ConnectError(reason, Code.Unavailable, undefined, undefined, cause);
}

/** Defers every close, except by the returned function. */
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

/** Pings the peer until the session is closed. */
function keepAlive(
  session: ClientHttp2Session,
  { intervalMs, timeoutMs }: Required<KeepAlive>,
): void {
  let deadline: ReturnType<typeof setTimeout> | undefined;
  const expire = () =>
    session.destroy(
      new ConnectError(
        `no ping reply within ${timeoutMs} ms`,
        Code.Unavailable,
      ),
    );
  const ping = () => {
    if (session.destroyed) return;
    deadline ??= setTimeout(expire, timeoutMs);
    session.ping(() => {
      clearTimeout(deadline);
      deadline = undefined;
    });
  };
  if (session.destroyed) return;
  const pings = setInterval(ping, intervalMs);
  session.once("close", () => {
    clearInterval(pings);
    clearTimeout(deadline);
  });
}
