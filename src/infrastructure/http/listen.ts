/**
 * Opens a port and serves HTTP/1.x on it, in bounded time and memory.
 *
 * `Deno.serve` of Deno 2.9.6 cannot be used: it stops for good when one accept
 * fails (out of descriptors, for example), keeps idle connections without a
 * limit in number or time, and answers a bad `Host` with 500. So connections
 * are accepted here, within `ConnectionLimits`, and served by `HttpConnection`.
 *
 * Disposing a port closes idle connections, lets answers that are under way
 * complete within a second, then closes the rest.
 *
 * @module
 */
import { acceptConnections } from "../../application/connections/accept_loop.ts";
import type { ConnectionLimits } from "../../application/connections/connection_limits.ts";
import type { Clock } from "../../application/ports/clock.ts";
import { HttpConnection } from "./http_connection.ts";
import { type Handler, text } from "./routes.ts";

/** How long answers that are under way may take when a port closes, in ms. */
const LAST_ANSWERS_MS = 1_000;

/** Longest time between two checks of deadlines, in ms. */
const CHECK_MS = 1_000;

/** Thrown when a port cannot be opened; the message says which and why. */
export class CannotListen extends Error {
  override readonly name = "CannotListen";
}

/** What to listen on, and which variable sets it. */
export interface Address {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** What the port is for, in a word: "health". */
  readonly purpose: string;
  /** The environment variable that sets the port. */
  readonly variable: string;
}

/** What a port is served with. */
export interface PortOptions {
  readonly handler: Handler;
  readonly connections: ConnectionLimits;
  readonly clock: Clock;
  /** Longest wait for a client, in ms; see {@linkcode HttpConnection}. */
  readonly idleMs: number;
}

/** An open port; disposing it closes it, idempotent. */
export interface Port extends AsyncDisposable {
  readonly number: number;
  /** Resolves when the port is closed; nothing else ends it. */
  readonly finished: Promise<void>;
}

/**
 * Serves HTTP on an address.
 *
 * @throws {CannotListen} when the port is taken or may not be opened.
 */
export function listen(address: Address, options: PortOptions): Port {
  const listener = openListener(address);
  const port = new HttpPort(listener, { ...options, name: address.purpose });
  let closing: Promise<void> | undefined;
  return {
    number: listener.addr.port,
    finished: port.finished,
    [Symbol.asyncDispose]: () => closing ??= port.close(),
  };
}

class HttpPort {
  readonly finished: Promise<void>;
  readonly #listener: Deno.TcpListener;
  readonly #options: PortOptions & { readonly name: string };
  readonly #open = new Map<HttpConnection, Promise<void>>();
  readonly #closing = new AbortController();

  constructor(
    listener: Deno.TcpListener,
    options: PortOptions & { readonly name: string },
  ) {
    this.#listener = listener;
    this.#options = options;
    const { clock, connections, name } = options;
    const { signal } = this.#closing;
    const accepting = acceptConnections({
      accept: () => listener.accept(),
      onConnection: (conn) => this.#take(conn),
      onFailure: (cause) => connections.acceptFailed(name, cause),
      clock,
      signal,
    });
    this.finished = Promise.all([accepting, this.#checkDeadlines(signal)])
      .then(async () => {
        await Promise.all(this.#open.values());
      });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#listener.close();
    for (const connection of this.#open.keys()) connection.drain();
    const patience = new AbortController();
    await Promise.race([
      Promise.all(this.#open.values()),
      this.#options.clock.sleep(LAST_ANSWERS_MS, patience.signal),
    ]);
    patience.abort();
    for (const connection of this.#open.keys()) connection.close();
    await this.finished;
  }

  #take(conn: Deno.TcpConn): void {
    const { clock, connections, idleMs } = this.#options;
    const connection = new HttpConnection(conn, {
      handler: (asked) =>
        this.#closing.signal.aborted
          ? Promise.resolve(text("Shutting down\n", 503))
          : this.#options.handler(asked),
      idleMs,
      monotonic: () => clock.monotonic(),
    });
    const release = connections.admit("http", {
      close: () => connection.close(),
      idleSince: () => connection.idleSince,
      descriptor: descriptorOf(conn),
    });
    if (release === undefined) return connection.close();
    const served = connection.serve().then(() => {
      release();
      this.#open.delete(connection);
    });
    this.#open.set(connection, served);
  }

  async #checkDeadlines(signal: AbortSignal): Promise<void> {
    const { clock, idleMs } = this.#options;
    const everyMs = Math.min(CHECK_MS, idleMs / 4);
    while (!signal.aborted) {
      await clock.sleep(everyMs, signal);
      const now = clock.monotonic();
      for (const connection of this.#open.keys()) connection.expire(now);
    }
  }
}

/** A socket's number, which Deno 2.9.6 keeps under a symbol of its own. */
function descriptorOf(conn: Deno.TcpConn): number | undefined {
  for (const symbol of Object.getOwnPropertySymbols(conn)) {
    if (symbol.description !== "Deno.internal.fd") continue;
    const value: unknown = Reflect.get(conn, symbol);
    return typeof value === "number" ? value : undefined;
  }
  return undefined;
}

function openListener(address: Address): Deno.TcpListener {
  const { host: hostname, port } = address;
  try {
    return Deno.listen({ hostname, port });
  } catch (cause) {
    throw new CannotListen(explain(address, cause), { cause });
  }
}

function explain(address: Address, cause: unknown): string {
  const { host, port, purpose, variable } = address;
  const where = `Cannot listen on ${host}:${port} for ${purpose}`;
  if (cause instanceof Deno.errors.AddrInUse) {
    return `${where}: another process has the port. ` +
      `Stop it, or set ${variable} to a free port`;
  }
  if (cause instanceof Deno.errors.AddrNotAvailable) {
    return `${where}: this machine has no such address. ` +
      `Set STREAM_PROXY_HOST to one of its own, or to 0.0.0.0 for all`;
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return `${where}: not permitted. ` +
      `Set ${variable} to a port of 1024 or above`;
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return `${where}: ${reason}. Check STREAM_PROXY_HOST and ${variable}`;
}
