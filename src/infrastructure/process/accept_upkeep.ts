/**
 * Keeps ports accepting, and descriptors watched, on Deno 2.9.6.
 *
 * - A server of node:net accepts nothing more after one failed accept (out of
 *   descriptors, for example) and reports no error. To listen again on a
 *   listening socket is harmless, and makes Deno look at the queue again.
 * - Failed accepts are not reported, so the limits look for shortages here.
 * - The number of a socket of node:net cannot be read. One that `Deno.listen`
 *   accepts has its number under a symbol, so one is opened now and then: the
 *   system gives it the lowest number that is free.
 *
 * `descriptors_test.ts` fails when the first two are no longer needed, and when
 * the third no longer works.
 *
 * @module
 */
import type { ConnectionLimits } from "../../application/connections/connection_limits.ts";

/** Connections that the system queues until they are accepted. */
const BACKLOG = 511;

/** Time between two looks at the queues of new connections, in ms. */
const LOOK_MS = 250;

/** Looks between two measurements of descriptors: 15 s. */
const LOOKS_PER_MEASUREMENT = 60;

/** The part of node:net's internal handle of a server that is used. */
interface ListeningServer {
  readonly _handle?: {
    readonly listen?: (backlog: number) => number;
  } | null;
}

/** Looks after all ports of the process until it is disposed. */
export class AcceptUpkeep implements AsyncDisposable {
  readonly #connections: ConnectionLimits;
  readonly #servers = new Set<ListeningServer>();
  readonly #timer: ReturnType<typeof setInterval>;
  #looks = 0;
  #measuring: Promise<void> = Promise.resolve();

  /** @param connections learn of shortages and of descriptors in use */
  constructor(connections: ConnectionLimits) {
    this.#connections = connections;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Keeps a server of node:net or node:http accepting until disposed. */
  readonly keep = (server: object): Disposable => {
    this.#servers.add(server);
    return { [Symbol.dispose]: () => void this.#servers.delete(server) };
  };

  /** Stops; resolves when a measurement that is under way has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#measuring;
  }

  #look(): void {
    this.#connections.checkDescriptors();
    for (const server of this.#servers) server._handle?.listen?.(BACKLOG);
    if (this.#looks++ % LOOKS_PER_MEASUREMENT > 0) return;
    this.#measuring = this.#measure();
  }

  async #measure(): Promise<void> {
    const count = await descriptorsInUse();
    if (count !== undefined) this.#connections.observeDescriptors(count);
  }
}

/** Descriptors in use, at least; undefined when that cannot be measured. */
export async function descriptorsInUse(): Promise<number | undefined> {
  const { state } = await Deno.permissions.query({
    name: "net",
    host: "127.0.0.1",
  });
  // To ask would wait for an answer on a terminal.
  if (state !== "granted") return undefined;
  try {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    using _client = await Deno.connect({ hostname: "127.0.0.1", port });
    using accepted = await listener.accept();
    const number = numberOf(accepted);
    // All lower numbers are in use, two of them by the listener and the client.
    return number === undefined ? undefined : number - 2;
  } catch {
    // No descriptor is left.
    return undefined;
  }
}

/** A socket's number, which Deno 2.9.6 keeps under a symbol of its own. */
function numberOf(connection: Deno.TcpConn): number | undefined {
  for (const symbol of Object.getOwnPropertySymbols(connection)) {
    if (symbol.description !== "Deno.internal.fd") continue;
    const value: unknown = Reflect.get(connection, symbol);
    return typeof value === "number" && value > 0 ? value : undefined;
  }
  return undefined;
}
