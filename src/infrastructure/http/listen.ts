/**
 * Opens a port, or says what a user can do about it; and closes it in bounded
 * time.
 *
 * Disposing a port lets the answers that are under way come through, for a
 * second at most, then cuts what is left: `Deno.HttpServer.shutdown` alone
 * waits for ever for a client that has stopped reading, and cannot be followed
 * by an abort.
 *
 * @module
 */
import { type Asked, type Handler, text } from "./routes.ts";

/** How long answers that are under way may take when a port closes, in ms. */
const LAST_ANSWERS_MS = 1_000;

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

/** An open port; disposing it closes it, twice is once. */
export interface Port extends AsyncDisposable {
  readonly number: number;
  /** Resolves when the port is closed; rejects if it fails by itself. */
  readonly finished: Promise<void>;
}

/**
 * Serves HTTP on an address.
 *
 * @throws {CannotListen} when the port is taken or may not be opened.
 */
export function listen(address: Address, handler: Handler): Port {
  const answers = new Set<Promise<void>>();
  const cut = new AbortController();
  let closing: Promise<void> | undefined;
  const server = serve(address, {
    signal: cut.signal,
    handler: (request, completed) => {
      if (closing) return Promise.resolve(text("Shutting down\n", 503));
      const through = completed.catch(() => {});
      answers.add(through);
      through.then(() => answers.delete(through));
      return handler({ request, completed: through });
    },
  });
  const close = async () => {
    const patience = timer(LAST_ANSWERS_MS);
    await Promise.race([Promise.all(answers), patience.over]);
    patience.stop();
    if (answers.size > 0) cut.abort();
    else await server.shutdown();
    await server.finished;
  };
  return {
    number: server.addr.port,
    finished: server.finished,
    [Symbol.asyncDispose]: () => closing ??= close(),
  };
}

function serve(
  address: Address,
  { handler, signal }: {
    readonly handler: (
      request: Request,
      completed: Asked["completed"],
    ) => Promise<Response>;
    readonly signal: AbortSignal;
  },
): Deno.HttpServer<Deno.NetAddr> {
  const { host: hostname, port } = address;
  try {
    return Deno.serve(
      { hostname, port, signal, onListen: () => {} },
      (request, { completed }) => handler(request, completed),
    );
  } catch (cause) {
    throw new CannotListen(explain(address, cause), { cause });
  }
}

function timer(ms: number): { over: Promise<void>; stop: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const id = setTimeout(resolve, ms);
  return { over: promise, stop: () => clearTimeout(id) };
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
