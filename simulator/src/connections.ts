/**
 * Every open connection of the simulator, and what can be done to one.
 *
 * @module
 */
import { MarketSession } from "./session/market_session.ts";
import type { SimSocket } from "./transport/sim_socket.ts";

/** Picks connections; without members it picks all of them. */
export interface ConnectionSelector {
  /** Name of a market endpoint, or `trading`. */
  readonly endpoint?: string;
  /** Number of one connection. */
  readonly connection?: number;
}

/** What a mute socket keeps to itself; by default everything. */
export interface MuteOptions {
  /** No market data or order events. Default true. */
  readonly data?: boolean;
  /** No acknowledgements or errors. Default true. */
  readonly acks?: boolean;
  /** No pongs to the client's pings. Default true. */
  readonly pongs?: boolean;
}

/** How a connection is dropped. */
export interface DropOptions {
  /** With a close frame; without one a ghost stays behind. Default false. */
  readonly clean?: boolean;
  /** Close code of a clean drop. Default 1000. */
  readonly code?: number;
  readonly reason?: string;
}

/** One accepted connection. */
export interface Connection {
  /** Counts from 1 over all endpoints. */
  readonly number: number;
  readonly endpoint: string;
  readonly socket: SimSocket;
  /** The market session; undefined on the trading stream. */
  readonly session: MarketSession | undefined;
}

/** The open connections. */
export class Connections {
  readonly #open = new Map<number, Connection>();
  #accepted = 0;

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** The number for the next connection. */
  nextNumber(): number {
    return ++this.#accepted;
  }

  /** Adds a connection. */
  add(connection: Connection): void {
    this.#open.set(connection.number, connection);
  }

  /** Takes a connection out that has ended. */
  remove(number: number): void {
    this.#open.delete(number);
  }

  /** The connections that a selector picks. */
  select(selector: ConnectionSelector = {}): readonly Connection[] {
    const { endpoint, connection } = selector;
    return [...this.#open.values()].filter((open) =>
      (endpoint === undefined || open.endpoint === endpoint) &&
      (connection === undefined || open.number === connection)
    );
  }

  /** Authenticated market sessions of an endpoint. */
  sessions(endpoint: string): readonly MarketSession[] {
    return this.select({ endpoint })
      .map((open) => open.session)
      .filter((session) => session?.account !== undefined)
      .filter((session) => session instanceof MarketSession);
  }

  /** Ends connections; returns how many. */
  drop(selector: ConnectionSelector = {}, options: DropOptions = {}): number {
    const { clean = false, code = 1000, reason = "" } = options;
    const picked = this.select(selector);
    for (const { socket } of picked) {
      if (clean) socket.close(code, reason);
      else socket.terminate();
    }
    return picked.length;
  }

  /** Leaves connections open that neither read nor write any more. */
  halfOpen(selector: ConnectionSelector = {}): number {
    const picked = this.select(selector);
    for (const { socket } of picked) socket.halfOpen();
    return picked.length;
  }

  /** Silences connections until `unmute`. */
  mute(selector: ConnectionSelector = {}, options: MuteOptions = {}): number {
    const { data = true, acks = true, pongs = true } = options;
    const picked = this.select(selector);
    for (const { socket, session } of picked) {
      session?.mute({ data, acks });
      // The trading stream tells data and replies apart only on its own side.
      socket.mute({ pongs, frames: !session && (data || acks) });
    }
    return picked.length;
  }

  /** Ends `mute`. */
  unmute(selector: ConnectionSelector = {}): number {
    return this.mute(selector, { data: false, acks: false, pongs: false });
  }
}
