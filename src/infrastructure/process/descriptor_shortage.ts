/**
 * Keeps ports accepting through a shortage of file descriptors, and measures how many are in use.
 *
 * - Product: Deno 2.9.6.
 * - Symptoms:
 *   1. A server of node:net accepts nothing more after one failed accept (out of descriptors, for
 *      example) and reports no error. Listening again on a listening socket is harmless, and makes
 *      Deno check the queue again.
 *   2. Failed accepts are not reported, so `ConnectionLimits` checks for shortages.
 *   3. No call counts descriptors with `--allow-net --allow-env` alone. A socket that `Deno.listen`
 *      accepts has its number under a symbol, and the system gives it the lowest number that is
 *      free. And `Deno.memoryUsage` opens a file of `/proc`: it reports 0 resident bytes when it
 *      cannot.
 * - Report: none found for node:net; https://github.com/denoland/deno/issues/10148 was the same for
 *   `Deno.listen`.
 * - Test: `descriptors_test.ts` fails when 1 and 2 are no longer needed, and when 3 no longer
 *   works.
 *
 * @module
 */
import type { ConnectionLimits } from "../../application/connections/connection_limits.ts";
import { BACKLOG } from "../../application/connections/open_port.ts";

/** Time between two checks of the queues of new connections, in ms. */
const CHECK_MS = 250;

/** Checks between two measurements of descriptors: 15 s. */
const CHECKS_PER_MEASUREMENT = 60;

/** The part of node:net's internal handle of a server that is used. */
interface ListeningServer {
  readonly _handle?: {
    readonly listen?: (backlog: number) => number;
  } | null;
}

/** Retries the accepts of all ports, and measures descriptors, until disposed. */
export class AcceptRetry implements AsyncDisposable {
  readonly #connections: ConnectionLimits;
  readonly #timer: ReturnType<typeof setInterval>;
  #checks = 0;
  #measuring: Promise<void> = Promise.resolve();

  /** @param connections receives shortages and the descriptors in use */
  constructor(connections: ConnectionLimits) {
    this.#connections = connections;
    this.#timer = setInterval(() => this.#check(), CHECK_MS);
  }

  /** Stops; resolves when a measurement that is under way has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#measuring;
  }

  #check(): void {
    this.#connections.checkDescriptors();
    for (const server of this.#connections.servers) {
      (server as ListeningServer)._handle?.listen?.(BACKLOG);
    }
    if (this.#checks++ % CHECKS_PER_MEASUREMENT > 0) return;
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
  // Deno would wait for an answer on a terminal.
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

/** A socket's descriptor number. */
function numberOf(connection: Deno.TcpConn): number | undefined {
  for (const symbol of Object.getOwnPropertySymbols(connection)) {
    if (symbol.description !== "Deno.internal.fd") continue;
    const value: unknown = Reflect.get(connection, symbol);
    return typeof value === "number" && value > 0 ? value : undefined;
  }
  return undefined;
}

/**
 * Makes a function that returns whether no descriptor is left; a call takes some 7 µs. It returns
 * false always where resident memory cannot be measured.
 */
export function descriptorProbe(): () => boolean {
  const residentBytes = () => Deno.memoryUsage().rss;
  const works = residentBytes() > 0;
  return () => works && residentBytes() === 0;
}
