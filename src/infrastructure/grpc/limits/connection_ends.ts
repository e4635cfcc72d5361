/**
 * Ends connections at their maximum age, and when the client certificate that TLS has verified
 * ends.
 *
 * The client is sent GOAWAY, so that it opens streams on a new connection, and streams with notices
 * receive one. After a grace period, streams that are still open end with UNAVAILABLE and the
 * reason, one after the other, and then the connection.
 *
 * @module
 */
import { CERTIFICATE_EXPIRED, CERTIFICATE_GRACE_MS } from "../../../application/access/expiry.ts";
import type { Clock } from "../../../application/ports/clock.ts";
import type { OpenCalls } from "../open_calls.ts";
import type { ClientConnection } from "./client_connection.ts";

/** Part of the age of connections by which they differ: those made together end apart. */
const JITTER = 0.1;
/** Longest time between two looks at the wall clock, which can be set, in ms. */
const WATCH_MS = 30_000;
/** Time between two checks whether a connection has streams, in ms. */
const IDLE_CHECK_MS = 1_000;
/** Time over which the ends of many streams of a connection are spread at most, in ms. */
const SPREAD_MS = 2_500;
/** Time that a client has to take the status of its streams, in ms. */
const STATUS_MS = 2_500;
/** Time for clients to read the status of their last stream, in ms. */
const READ_MS = 100;

const OLD = "The connection has reached its maximum age; reopen the stream on a new one";

/** What {@linkcode ConnectionEnds} needs. */
export interface ConnectionEndsOptions {
  readonly clock: Clock;
  readonly limits: {
    /** Age, give or take 10 %, at which connections end, in ms; 0 never. @default 0 */
    readonly maxConnectionAgeMs?: number;
    /** Time that their streams have then, in ms. @default 0 */
    readonly connectionGraceMs?: number;
  };
  readonly calls: Pick<OpenCalls, "endOf">;
  /** Sends notices to the streams of a client that it has to leave within `graceMs`. */
  readonly announceEnd: (peer: string, reason: string, graceMs: number) => void;
}

/** Why a connection ends, and the time that its streams have then. */
interface Due {
  readonly reason: string;
  readonly graceMs: number;
}

/** Ends connections. */
export class ConnectionEnds {
  readonly #options: ConnectionEndsOptions;

  constructor(options: ConnectionEndsOptions) {
    this.#options = options;
  }

  /**
   * Ends a connection when it is due.
   *
   * @param closed fires when its socket has closed
   */
  async watch(connection: ClientConnection, closed: AbortSignal): Promise<void> {
    const { maxConnectionAgeMs = 0 } = this.#options.limits;
    if (maxConnectionAgeMs === 0 && connection.certificate === undefined) return;
    const due = await this.#untilDue(connection, closed);
    if (due !== undefined) await this.#end(connection, due, closed);
  }

  /** Waits until a connection is due; resolves to `undefined` when it has closed before. */
  async #untilDue(
    { certificate }: ClientConnection,
    closed: AbortSignal,
  ): Promise<Due | undefined> {
    const { clock, limits: { maxConnectionAgeMs = 0, connectionGraceMs = 0 } } = this.#options;
    const jitter = 1 - JITTER + 2 * JITTER * Math.random();
    const oldAt = clock.monotonic() + (Math.round(maxConnectionAgeMs * jitter) || Infinity);
    const { expiresAt = Infinity } = certificate ?? {};
    while (!closed.aborted) {
      const validMs = expiresAt - clock.now();
      if (validMs <= 0) return { reason: CERTIFICATE_EXPIRED, graceMs: CERTIFICATE_GRACE_MS };
      const waitMs = oldAt - clock.monotonic();
      if (waitMs <= 0) return { reason: OLD, graceMs: Math.min(connectionGraceMs, validMs) };
      await clock.sleep(Math.min(validMs, waitMs, WATCH_MS), closed);
    }
    return undefined;
  }

  async #end(
    connection: ClientConnection,
    { reason, graceMs }: Due,
    closed: AbortSignal,
  ): Promise<void> {
    const { clock, calls, announceEnd } = this.#options;
    const { session, peer } = connection;
    if (session === undefined || session.destroyed) return;
    connection.announceClose();
    announceEnd(peer, reason, graceMs + SPREAD_MS);
    const untilIdle = async (ms: number) => {
      const until = clock.monotonic() + ms;
      for (;;) {
        const left = until - clock.monotonic();
        if (connection.idleSince !== undefined || left <= 0 || closed.aborted) return;
        await clock.sleep(Math.min(IDLE_CHECK_MS, left), closed);
      }
    };
    await untilIdle(graceMs);
    if (closed.aborted) return;
    await calls.endOf(peer, reason, { graceMs: SPREAD_MS, clock });
    await untilIdle(STATUS_MS);
    await clock.sleep(READ_MS, closed);
    if (!closed.aborted) session.destroy();
  }
}
