/**
 * Limits how many client connections are open, and keeps descriptors in reserve for the sessions to
 * Alpaca.
 *
 * - gRPC, WebSocket and HTTP connections: at the limit, the longest idle one (without a stream,
 *   without a request) is closed for a new one; if none is idle, the new one is refused. Both are
 *   counted as refusals. The same applies to the connections of one address, IPv6 by /64.
 * - File descriptors: the limit is learned from the first failed accept. Then some connections are
 *   closed, so that the reserve is free again, and new ones are refused before the reserve is used.
 *
 * A shortage of descriptors closes idle HTTP connections first, then idle ones of clients, then
 * the newest of those, at most a quarter of all at a time. The learned limit expires and is tested
 * again. A few HTTP connections are admitted in a shortage too, because an orchestrator restarts a
 * process whose health checks fail.
 *
 * @module
 */
import { addressBlock } from "../../domain/limits/address_block.ts";
import type { AcceptFailure, ProxyCounters, RefusalReason } from "../status/counters.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { WallStamp } from "../status/wall_stamp.ts";
import { DescriptorUse, LIMIT_VALID_MS } from "./descriptor_use.ts";

/** Kinds of connections; the health and metrics ports share one limit. */
export type ConnectionKind = "grpc" | "websocket" | "http";

/** Limits on connections, by kind. */
const LIMITS = {
  grpc: {
    name: "gRPC",
    limit: "connections",
    variable: "STREAM_PROXY_MAX_CONNECTIONS",
    perAddress: "STREAM_PROXY_MAX_CONNECTIONS_PER_ADDRESS",
  },
  websocket: {
    name: "WebSocket",
    limit: "connections",
    variable: "STREAM_PROXY_MAX_CONNECTIONS",
    perAddress: "STREAM_PROXY_MAX_CONNECTIONS_PER_ADDRESS",
  },
  http: {
    name: "HTTP",
    limit: "http_connections",
    variable: "STREAM_PROXY_MAX_HTTP_CONNECTIONS",
    perAddress: "STREAM_PROXY_MAX_HTTP_CONNECTIONS_PER_ADDRESS",
  },
} as const;

/** Descriptors that a shortage frees, for three sessions, DNS, REST and logs. */
export const DESCRIPTOR_RESERVE = 24;

/** HTTP connections that are admitted although descriptors are short. */
export const HTTP_IN_SHORTAGE = 8;

/**
 * How long a shortage has to last, in ms, before more connections are closed than a learned limit
 * asks for: refused ones hold a descriptor for a moment.
 */
const PERSISTENT_MS = 5_000;

/** Advice for a shortage of descriptors. */
const RAISE_LIMIT = "Raise the limit (ulimit -n)";

/** Time between two log lines about the same reason, in ms. */
const LOG_EVERY_MS = 60_000;

/** An accepted connection. */
interface AcceptedConnection {
  /** Closes the connection; called once at most. */
  readonly close: () => void;
  /** Asks the client to send no more requests on it, if the protocol can. @default does nothing */
  readonly announceClose?: () => void;
  /** Bytes so far. @default unknown */
  readonly bytes?: () => { readonly received: number; readonly sent: number };
  /** Monotonic ms since which no request is under way; undefined in one. */
  readonly idleSince?: () => number | undefined;
  /** Address of the client. @default unknown, which only the total limits */
  readonly address?: string | undefined;
  /** Port of the client, for logs. */
  readonly port?: number | undefined;
}

/** An open connection. */
export interface ConnectionReport {
  /** Number of the connection since the start of the process. */
  readonly number: number;
  readonly kind: ConnectionKind;
  /** Address and port of the client, if known. */
  readonly peer: string | undefined;
  /** Wall clock ms. */
  readonly openedAt: number;
  /** Time in ms since which no request is under way; undefined while one is, or if unknown. */
  readonly idleMs: number | undefined;
  /** Bytes so far. */
  readonly received: number;
  readonly sent: number;
}

/** What {@linkcode ConnectionLimits} needs. */
export interface ConnectionLimitsOptions {
  /** gRPC connections at a time, and as many WebSocket connections. */
  readonly maxGrpc: number;
  /** HTTP connections at a time, over all HTTP ports. */
  readonly maxHttp: number;
  /** The same of one address; 0 for no limit. @default 0 */
  readonly maxGrpcPerAddress?: number;
  /** HTTP connections of one address at a time; 0 for no limit. @default 0 */
  readonly maxHttpPerAddress?: number;
  readonly counters: Pick<ProxyCounters, "refusals" | "acceptFailures">;
  readonly clock: Clock;
  readonly log: Log;
  /** True while the process cannot open another descriptor. @default never */
  readonly outOfDescriptors?: () => boolean;
}

/** Figures for metrics. */
export interface ConnectionFigures {
  readonly grpc: number;
  readonly websocket: number;
  readonly http: number;
  /** Descriptors in use, at least. */
  readonly descriptors: number;
  /** Limit of descriptors; undefined while it is not known. */
  readonly descriptorLimit: number | undefined;
}

/** Admits, counts and closes client connections. */
export class ConnectionLimits {
  /** Servers whose ports are open. */
  readonly servers: Set<object> = new Set();
  readonly #options: ConnectionLimitsOptions;
  readonly #open: Readonly<Record<ConnectionKind, Set<AcceptedConnection>>> = {
    grpc: new Set(),
    websocket: new Set(),
    http: new Set(),
  };
  /** The same by block of addresses; no entry is empty. */
  readonly #byAddress: Readonly<Record<ConnectionKind, Map<string, Set<AcceptedConnection>>>> = {
    grpc: new Map(),
    websocket: new Map(),
    http: new Map(),
  };
  /** Number, kind and start of every open connection, the oldest first. */
  readonly #admitted = new Map<
    AcceptedConnection,
    { readonly number: number; readonly kind: ConnectionKind; readonly opened: WallStamp }
  >();
  #accepted = 0;
  readonly #use: DescriptorUse;
  readonly #logged = new Map<string, { at: number; since: number }>();
  /** Connections of both kinds that fit beside the reserve. */
  #ceiling: { readonly value: number; readonly until: number } | undefined;
  /** Since when descriptors are short although the reserve should be free. */
  #unexplainedSince: number | undefined;

  constructor(options: ConnectionLimitsOptions) {
    this.#options = options;
    this.#use = new DescriptorUse(() => options.clock.monotonic());
  }

  /** What is open and in use. */
  get figures(): ConnectionFigures {
    return {
      grpc: this.#open.grpc.size,
      websocket: this.#open.websocket.size,
      http: this.#open.http.size,
      descriptors: this.#use.open(this.#size),
      descriptorLimit: this.#use.limit,
    };
  }

  /**
   * Admits a connection, or counts its refusal.
   *
   * @returns releases the connection's slot, to be called when it is closed; undefined when it is
   * refused and the caller has to close it
   */
  admit(kind: ConnectionKind, connection: AcceptedConnection): (() => void) | undefined {
    if (!this.#makeRoomOfAddress(kind, connection)) return undefined;
    if (!this.#makeRoom(kind, peerOf(connection))) return undefined;
    this.#open[kind].add(connection);
    const opened = new WallStamp(this.#options.clock);
    this.#admitted.set(connection, { number: ++this.#accepted, kind, opened });
    const { address } = connection;
    if (address !== undefined) {
      const block = addressBlock(address);
      const others = this.#byAddress[kind].get(block);
      if (others) others.add(connection);
      else this.#byAddress[kind].set(block, new Set([connection]));
    }
    return () => this.#remove(kind, connection);
  }

  /** Reports every open connection, the oldest first. */
  reports(): readonly ConnectionReport[] {
    const now = this.#options.clock.monotonic();
    return Array.from(this.#admitted, ([connection, { number, kind, opened }]) => {
      const { idleSince, bytes } = connection;
      const idle = idleSince?.();
      const { received = 0, sent = 0 } = bytes?.() ?? {};
      return {
        number,
        kind,
        peer: peerOf(connection),
        openedAt: opened.at,
        idleMs: idle === undefined ? undefined : now - idle,
        received,
        sent,
      };
    });
  }

  /** Asks the client of an open connection to send no more requests on it, or closes it. */
  close(number: number, { isAnnounced }: { readonly isAnnounced: boolean }): void {
    for (const [connection, admitted] of this.#admitted) {
      if (admitted.number !== number) continue;
      if (isAnnounced) connection.announceClose?.();
      else this.#close(admitted.kind, connection);
      return;
    }
  }

  /** Counts a connection that is ended before it is served; logs one a minute and reason. */
  refused(limit: RefusalReason, peer: string, reason: string): void {
    this.#options.counters.refusals[limit]++;
    this.#warn(`${limit} ${reason}`, "Refused a connection", { limit, peer, reason });
  }

  /** Counts and logs a failed accept; frees descriptors when it lacks them. */
  acceptFailed(port: string, cause: unknown): void {
    const code = codeOf(cause);
    this.#options.counters.acceptFailures[acceptFailureOf(code)]++;
    this.#warn(`accept ${port} ${code}`, "Cannot accept connections; retrying until it succeeds", {
      port,
      code,
    });
    if (code === "EMFILE") this.#freeDescriptors();
  }

  /** Frees descriptors if none is left, for ports that do not report failed accepts; counts one. */
  checkDescriptors(): void {
    if (this.#options.outOfDescriptors?.()) {
      this.#options.counters.acceptFailures.descriptors++;
      this.#freeDescriptors();
    } else this.#unexplainedSince = undefined;
  }

  /** Records how many descriptors are in use, at least. */
  observeDescriptors(count: number): void {
    this.#use.observe(count, this.#size);
  }

  get #size(): number {
    const { grpc, websocket, http } = this.#open;
    return grpc.size + websocket.size + http.size;
  }

  /** Whether its address may have another connection, for which an idle one may be closed. */
  #makeRoomOfAddress(kind: ConnectionKind, connection: AcceptedConnection): boolean {
    const { maxGrpcPerAddress = 0, maxHttpPerAddress = 0 } = this.#options;
    const { name, perAddress } = LIMITS[kind];
    const most = kind === "http" ? maxHttpPerAddress : maxGrpcPerAddress;
    if (most === 0 || connection.address === undefined) return true;
    const block = addressBlock(connection.address);
    const open = this.#byAddress[kind].get(block);
    if (open === undefined || open.size < most) return true;
    this.#options.counters.refusals.connections_per_address++;
    this.#warn(perAddress, `Closing ${name} connections of one address above ${perAddress}`, {
      limit: most,
      address: block,
      peer: peerOf(connection),
    });
    return this.#closeIdle(kind, open);
  }

  /** Whether a connection is admitted, for which an idle one of its kind may be closed. */
  #makeRoom(kind: ConnectionKind, peer: string | undefined): boolean {
    const open = this.#open[kind];
    if (open.size >= this.#maxOf(kind)) {
      const hasRoom = this.#closeIdle(kind);
      this.#refusedAtLimit(kind, peer);
      if (!hasRoom) return false;
    }
    if (!this.#isShort || (kind === "http" && open.size < HTTP_IN_SHORTAGE)) return true;
    // Not an idle HTTP connection for another one: it may be a probe that has just connected.
    const hasRoom = this.#closeIdle(kind);
    if (kind !== "http" || !hasRoom) this.#refusedInShortage(peer);
    return hasRoom;
  }

  #maxOf(kind: ConnectionKind): number {
    return kind === "http" ? this.#options.maxHttp : this.#options.maxGrpc;
  }

  /** True when another connection would use the reserve. */
  get #isShort(): boolean {
    return this.#size >= this.#validCeiling;
  }

  get #validCeiling(): number {
    const { value = Infinity, until = 0 } = this.#ceiling ?? {};
    return until > this.#options.clock.monotonic() ? value : Infinity;
  }

  /** Closes the longest idle connection; false if none is idle. */
  #closeIdle(
    kind: ConnectionKind,
    among: ReadonlySet<AcceptedConnection> = this.#open[kind],
  ): boolean {
    let longest: AcceptedConnection | undefined;
    let since = Infinity;
    for (const connection of among) {
      const idleSince = connection.idleSince?.() ?? Infinity;
      if (idleSince >= since) continue;
      longest = connection;
      since = idleSince;
    }
    if (longest === undefined) return false;
    this.#close(kind, longest);
    return true;
  }

  /** Closes an idle gRPC or WebSocket connection, or else the newest; false if there is none. */
  #closeClient(): boolean {
    if (this.#closeIdle("grpc") || this.#closeIdle("websocket")) return true;
    const newest = [...this.#admitted].findLast(([, { kind }]) => kind !== "http");
    if (newest) this.#close(newest[1].kind, newest[0]);
    return newest !== undefined;
  }

  #close(kind: ConnectionKind, connection: AcceptedConnection): void {
    this.#remove(kind, connection);
    connection.close();
  }

  #remove(kind: ConnectionKind, connection: AcceptedConnection): void {
    this.#open[kind].delete(connection);
    this.#admitted.delete(connection);
    const block = addressBlock(connection.address ?? "");
    const others = this.#byAddress[kind].get(block);
    others?.delete(connection);
    if (others?.size === 0) this.#byAddress[kind].delete(block);
  }

  #freeDescriptors(): void {
    const now = this.#options.clock.monotonic();
    const before = this.#size;
    if (before <= this.#validCeiling && this.#validCeiling < Infinity) {
      this.#unexplainedSince ??= now;
      if (now - this.#unexplainedSince < PERSISTENT_MS) return;
    }
    this.#unexplainedSince = undefined;
    this.#use.exhausted(before);
    const quota = Math.min(DESCRIPTOR_RESERVE, Math.ceil(before / 4));
    this.#ceiling = { value: before - quota, until: now + LIMIT_VALID_MS };
    let closed = 0;
    while (closed < quota && this.#closeIdle("http")) closed++;
    const { refusals } = this.#options.counters;
    while (closed < quota && this.#closeClient()) {
      closed++;
      refusals.descriptors++;
    }
    this.#warn(
      "descriptors",
      "Out of file descriptors; closed connections to keep some for the feeds. " + RAISE_LIMIT,
      { connections: before, closed, descriptors: this.#use.limit },
    );
  }

  #refusedAtLimit(kind: ConnectionKind, peer: string | undefined): void {
    const { name, limit, variable } = LIMITS[kind];
    this.#options.counters.refusals[limit]++;
    this.#warn(limit, `Closing ${name} connections above ${variable}=${this.#maxOf(kind)}`, {
      connections: this.#open[kind].size,
      peer,
    });
  }

  #refusedInShortage(peer: string | undefined): void {
    this.#options.counters.refusals.descriptors++;
    this.#warn(
      "refused descriptors",
      `Refusing connections, because file descriptors are short. ${RAISE_LIMIT}`,
      { connections: this.#size, descriptors: this.#use.limit, peer },
    );
  }

  /** Logs the first of a kind, then at most one a minute with their number. */
  #warn(kind: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    const { clock, log } = this.#options;
    const now = clock.monotonic();
    const logged = this.#logged.get(kind) ?? { at: -Infinity, since: 0 };
    this.#logged.set(kind, logged);
    logged.since++;
    if (now - logged.at < LOG_EVERY_MS) return;
    log.warn(message, { ...fields, times: logged.since });
    logged.at = now;
    logged.since = 0;
  }
}

/** Address and port of a client, for logs. */
function peerOf({ address, port }: AcceptedConnection): string | undefined {
  return address && `${address}:${port}`;
}

/** Error codes of accept(2), by group; firewalls add EPERM. */
const GROUPS: Readonly<Record<string, AcceptFailure>> = {
  EMFILE: "descriptors",
  ENFILE: "descriptors",
  ENOMEM: "memory",
  ENOBUFS: "memory",
  ECONNABORTED: "aborted",
  EINTR: "aborted",
  EPROTO: "aborted",
  EPERM: "aborted",
};

/** The error code of what `accept` threw; the error's name without one. */
function codeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return "unknown";
  const { code } = cause as Error & { readonly code?: unknown };
  return typeof code === "string" ? code : cause.name;
}

/** The group of an error code. */
function acceptFailureOf(code: string): AcceptFailure {
  return Object.hasOwn(GROUPS, code) ? GROUPS[code] ?? "other" : "other";
}
