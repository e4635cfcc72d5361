/**
 * What an operator can see and do while the proxy runs: the use case behind every adapter for
 * administration. Adapters check that the identity may administer.
 *
 * Everything that changes something is logged with its identity, also what is refused.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import type { ConnectionLimits, ConnectionReport } from "../connections/connection_limits.ts";
import type { FeedLink } from "../feeds/feed_link.ts";
import type { Clock } from "../ports/clock.ts";
import { type Log, LOG_LEVELS, type LogControl, type LogLevel } from "../ports/log.ts";
import type { StreamReport } from "../status/reports.ts";
import type { ClientStreams } from "../streaming/client_streams.ts";
import type { Drain } from "./drain.ts";

/** Most entries of a page, and those of a page without a size. */
const PAGE = { max: 1_000, default: 100 } as const;
/** Longest reason, in characters. */
const MAX_REASON = 200;
/** Characters of an id that a message shows. */
const MAX_QUOTED = 40;
/** Shortest time between two reconnects of a feed on request, in ms: Alpaca limits attempts. */
const RECONNECT_INTERVAL_MS = 30_000;
/** Longest time for which a log level is set, in ms. */
const MAX_LEVEL_MS = 86_400_000;
/** Time between the ends of a connection's streams and GOAWAY, in ms: see `grpc/server.ts`. */
const READ_MS = 100;
/** Time that a client has to close a connection that is being closed, in ms. */
const CLOSE_MS = 1_000;
/** Identities of a connection that are listed. */
const LISTED = 10;

// deno-lint-ignore no-control-regex -- finding control characters is the point
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Who administers. */
export interface Actor {
  /** Name of the identity. */
  readonly identity: string;
  /** How it was authenticated. @default unknown */
  readonly credential?: string | undefined;
  /** Address and port of the client. @default unknown */
  readonly peer?: string | undefined;
}

/** Why a request cannot be served. */
export type AdminFailure =
  /** A field of the request is invalid. */
  | { readonly kind: "invalid"; readonly field: string }
  /** What it names does not exist. */
  | { readonly kind: "not_found" }
  /** The state of the proxy does not allow it. */
  | { readonly kind: "precondition" }
  /** The same was requested a moment ago. */
  | { readonly kind: "too_soon"; readonly retryAfterMs: number };

/** A request for administration that cannot be served; the message is for its client. */
export class AdminError extends Error {
  override readonly name = "AdminError";
  readonly failure: AdminFailure;

  constructor(failure: AdminFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

/** Selects a page. */
interface PageQuery {
  /** Most entries; 0 is 100. */
  readonly size: number;
  /** The token of the page before; "" for the first page. */
  readonly token: string;
}

/** One page of a list. */
interface Page<T> {
  readonly entries: readonly T[];
  /** The token of the next page; "" for the last one. */
  readonly nextToken: string;
  /** Entries of all pages. */
  readonly total: number;
}

/** A connection with the streams on it. */
export interface ListedConnection extends Omit<ConnectionReport, "number"> {
  readonly id: string;
  readonly streams: number;
  /** Of the streams; at most ten. */
  readonly identities: readonly string[];
}

/** A setting in force. */
export interface SettingReport {
  /** The environment variable. */
  readonly name: string;
  /** Its value, without secrets. */
  readonly value: string;
  /** The variable that has set it; `undefined` for its default. */
  readonly variable: string | undefined;
}

/** Which lines are logged. */
export interface LogLevelReport {
  readonly level: LogLevel;
  /** Wall clock ms at which the level of the settings applies again; `undefined` for never. */
  readonly until: number | undefined;
}

/** What {@linkcode Administration} needs. */
interface AdministrationOptions {
  readonly clients: Pick<
    ClientStreams,
    "count" | "end" | "endAll" | "endOf" | "idPrefix" | "page" | "reports"
  >;
  readonly connections: Pick<ConnectionLimits, "close" | "reports">;
  /** The links of the enabled feeds. */
  readonly links: Readonly<Partial<Record<FeedId, Pick<FeedLink, "reconnect" | "status">>>>;
  readonly drain: Drain;
  /** Time that streams have to end, in ms. */
  readonly drainMs: number;
  readonly settings: () => readonly SettingReport[];
  /** Writes at every level, and changes the level. @default the level cannot be changed */
  readonly logControl?: LogControl | undefined;
  readonly log: Log;
  readonly clock: Clock;
}

/** Lists, ends, drains, reconnects, and shows settings. */
export class Administration {
  readonly #options: AdministrationOptions;
  readonly #log: Log;
  /** The level of the settings. */
  readonly #configuredLevel: LogLevel | undefined;
  readonly #reconnectedAt = new Map<FeedId, number>();
  readonly #over = new AbortController();
  /** Stops the ending of streams by a drain. */
  #ending = new AbortController();
  #level: { readonly until: number | undefined; readonly end: AbortController } | undefined;

  constructor(options: AdministrationOptions) {
    const { logControl, log } = options;
    this.#options = options;
    this.#log = (logControl?.always ?? log).with({ audit: "admin" });
    this.#configuredLevel = logControl?.level;
  }

  /**
   * Lists the open streams, the oldest first.
   *
   * @param identity only those of this identity; "" for all
   * @throws {AdminError}
   */
  listStreams(query: PageQuery, identity: string = ""): Page<StreamReport> {
    const { clients } = this.#options;
    const limit = pageSize(query.size);
    const after = this.#numberOf(query.token, "", "page_token");
    const { reports, isLast } = clients.page({ after, limit, identity });
    const nextToken = isLast ? "" : reports.at(-1)?.id ?? "";
    return { entries: reports, nextToken, total: clients.count };
  }

  /**
   * Lists the connections of clients, the oldest first.
   *
   * @throws {AdminError}
   */
  listConnections(query: PageQuery): Page<ListedConnection> {
    const { connections, clients } = this.#options;
    const limit = pageSize(query.size);
    const after = this.#numberOf(query.token, "c", "page_token");
    const all = connections.reports();
    const rest = all.filter(({ number }) => number > after);
    const page = rest.slice(0, limit);
    const byPeer = Map.groupBy(clients.reports(), ({ peer }) => peer);
    const entries = page.map(({ number, ...connection }) => {
      const own = byPeer.get(connection.peer) ?? [];
      const identities = new Set(own.map(({ identity = "" }) => identity));
      return {
        ...connection,
        id: this.#idOf("c", number),
        streams: own.length,
        identities: [...identities].filter((name) => name !== "").slice(0, LISTED),
      };
    });
    const nextToken = page.length < rest.length ? entries.at(-1)?.id ?? "" : "";
    return { entries, nextToken, total: all.length };
  }

  /**
   * Ends a stream with UNAVAILABLE.
   *
   * @param reason for the client; "" for none
   * @throws {AdminError}
   */
  endStream(actor: Actor, id: string, reason: string): void {
    this.#act(actor, "end_stream", { stream: truncated(id), reason: truncated(reason) }, () => {
      const text = `Ended by the operator${because(reason)}`;
      const ended = this.#options.clients.end(id, text);
      if (ended) return streamFields(ended);
      throw new AdminError(
        { kind: "not_found" },
        "No stream with this id is open; list the streams",
      );
    });
  }

  /**
   * Ends the streams of a connection with UNAVAILABLE, then closes it.
   *
   * @returns the number of its streams
   * @throws {AdminError}
   */
  closeConnection(actor: Actor, id: string, reason: string): number {
    const { connections, clients } = this.#options;
    const fields = { connection: truncated(id), reason: truncated(reason) };
    const { ended } = this.#act(actor, "close_connection", fields, () => {
      const text = `Its connection was closed by the operator${because(reason)}`;
      const number = this.#numberOf(id, "c", "id");
      const found = connections.reports().find((each) => each.number === number);
      if (!found) {
        const hint = `No connection with the id ${quoted(id)} is open; list the connections`;
        throw new AdminError({ kind: "not_found" }, hint);
      }
      const ended = found.peer === undefined ? 0 : clients.endOf(found.peer, text);
      void this.#close(number);
      return { peer_closed: found.peer, ended };
    });
    return ended;
  }

  /**
   * Refuses new streams and reports not ready; open ones continue unless `endStreams`.
   *
   * @throws {AdminError}
   */
  drain(actor: Actor, { reason, endStreams }: {
    readonly reason: string;
    readonly endStreams: boolean;
  }): void {
    const { drain, drainMs, clients } = this.#options;
    const fields = { reason: truncated(reason), end_streams: endStreams };
    this.#act(actor, "drain", fields, () => {
      const text = `The proxy accepts no new streams${because(reason)}`;
      this.#requireRunning();
      drain.begin(text);
      if (endStreams) void clients.endAll(text, drainMs, this.#ending.signal);
      return { streams: clients.count };
    });
  }

  /**
   * Accepts new streams again, and ends no more of the open ones.
   *
   * @throws {AdminError} once the proxy stops
   */
  undrain(actor: Actor): void {
    this.#act(actor, "undrain", {}, () => {
      this.#requireRunning();
      this.#options.drain.undo();
      this.#ending.abort();
      this.#ending = new AbortController();
      return {};
    });
  }

  /** Whether new streams are refused, and how many are open. */
  get drainState(): { readonly isDraining: boolean; readonly streams: number } {
    const { drain, clients } = this.#options;
    return { isDraining: drain.reason !== undefined, streams: clients.count };
  }

  /**
   * Closes the session of a feed cleanly and opens another one.
   *
   * @throws {AdminError} without a session, or when it was done within the last 30 seconds
   */
  reconnectFeed(actor: Actor, feed: string): void {
    const { links, clock } = this.#options;
    this.#act(actor, "reconnect_feed", { feed: truncated(feed) }, () => {
      const [id, link] = Object.entries(links).find(([name]) => name === feed) ?? [];
      if (id === undefined || link === undefined) {
        const enabled = Object.keys(links).join(", ");
        throw new AdminError(
          { kind: "invalid", field: "feed" },
          `"${truncated(feed)}" is not the name of an enabled feed; use one of ${enabled}`,
        );
      }
      const now = clock.monotonic();
      const last = this.#reconnectedAt.get(id as FeedId) ?? -Infinity;
      const retryAfterMs = Math.ceil(last + RECONNECT_INTERVAL_MS - now);
      if (retryAfterMs > 0) {
        const seconds = Math.ceil(retryAfterMs / 1_000);
        const text = `The feed was reconnected less than ${RECONNECT_INTERVAL_MS / 1_000} s ago; ` +
          `retry in ${seconds} s`;
        throw new AdminError({ kind: "too_soon", retryAfterMs }, text);
      }
      if (!link.reconnect()) {
        const { state } = link.status;
        throw new AdminError(
          { kind: "precondition" },
          `The feed has no session to replace: it is ${state}, and connects by itself`,
        );
      }
      this.#reconnectedAt.set(id as FeedId, now);
      return {};
    });
  }

  /** The settings in force, without secrets. */
  settings(): readonly SettingReport[] {
    return this.#options.settings();
  }

  /** Which lines are logged; `undefined` where that cannot be changed. */
  get logLevel(): LogLevelReport | undefined {
    const { logControl } = this.#options;
    return logControl && { level: logControl.level, until: this.#level?.until };
  }

  /**
   * Changes which lines are logged.
   *
   * @param level "" for the level of the settings
   * @param durationMs after which the level of the settings applies again; absent for never
   * @throws {AdminError}
   */
  setLogLevel(actor: Actor, level: string, durationMs?: number): LogLevelReport {
    const { logControl, clock } = this.#options;
    const fields = { log_level: truncated(level), duration_ms: durationMs };
    this.#act(actor, "set_log_level", fields, () => {
      const configured = this.#configuredLevel;
      if (!logControl || configured === undefined) {
        throw new AdminError({ kind: "precondition" }, "This process has no log level to change");
      }
      const chosen = level === "" ? configured : LOG_LEVELS.find((each) => each === level);
      if (chosen === undefined) {
        throw new AdminError(
          { kind: "invalid", field: "level" },
          `is not a log level; use ${LOG_LEVELS.join(", ")}`,
        );
      }
      if (durationMs !== undefined && !(durationMs > 0 && durationMs <= MAX_LEVEL_MS)) {
        const text = "has to be above 0 and at most a day";
        throw new AdminError({ kind: "invalid", field: "duration" }, text);
      }
      const before = logControl.level;
      this.#level?.end.abort();
      this.#level = undefined;
      logControl.level = chosen;
      if (durationMs !== undefined && chosen !== configured) {
        const end = new AbortController();
        this.#level = { until: clock.now() + durationMs, end };
        void this.#revertLevel({ logControl, configured, durationMs, end });
      }
      return { before };
    });
    return { level: logControl?.level ?? "info", until: this.#level?.until };
  }

  /** Ends what runs later: closing connections, and the return to the level of the settings. */
  [Symbol.dispose](): void {
    this.#over.abort();
    this.#level?.end.abort();
  }

  async #revertLevel({ logControl, configured, durationMs, end }: {
    readonly logControl: LogControl;
    readonly configured: LogLevel;
    readonly durationMs: number;
    readonly end: AbortController;
  }): Promise<void> {
    await this.#options.clock.sleep(durationMs, end.signal);
    if (end.signal.aborted) return;
    this.#level = undefined;
    logControl.level = configured;
    this.#log.info("The log level of the settings applies again", { log_level: configured });
  }

  /** Closes a connection whose streams are ending. */
  async #close(number: number): Promise<void> {
    const { connections, clock } = this.#options;
    const { signal } = this.#over;
    await clock.sleep(READ_MS, signal);
    if (!signal.aborted) connections.close(number, { isAnnounced: true });
    await clock.sleep(CLOSE_MS, signal);
    if (!signal.aborted) connections.close(number, { isAnnounced: false });
  }

  #requireRunning(): void {
    if (!this.#options.drain.isStopping) return;
    throw new AdminError({ kind: "precondition" }, "The proxy is stopping, which nothing undoes");
  }

  /** Runs an action and logs it with its result. */
  #act<T extends object>(
    { identity, credential, peer }: Actor,
    action: string,
    fields: { readonly reason?: string } & Readonly<Record<string, unknown>>,
    run: () => T,
  ): T {
    const { reason } = fields;
    const who = { action, identity, credential, peer };
    try {
      if (reason !== undefined) checkReason(reason);
      const result = run();
      this.#log.info("Administration", { ...who, outcome: "done", ...fields, ...result });
      return result;
    } catch (error) {
      const cause = error instanceof AdminError ? error.message : "a fault";
      this.#log.info("Administration", { ...who, outcome: "refused", ...fields, cause });
      throw error;
    }
  }

  #idOf(prefix: string, number: number): string {
    return `${this.#options.clients.idPrefix}-${prefix}${number}`;
  }

  /** The number in an id; 0 for "". @throws {AdminError} for one of another kind */
  #numberOf(id: string, prefix: string, field: string): number {
    if (id === "" && field === "page_token") return 0;
    const number = Number(id.slice(id.lastIndexOf("-") + 1 + prefix.length));
    if (Number.isSafeInteger(number) && number > 0 && this.#idOf(prefix, number) === id) {
      return number;
    }
    const text = field === "page_token"
      ? "is not of this process; list again"
      : `${quoted(id)} is not the id of a connection of this process; list the connections`;
    throw new AdminError({ kind: "invalid", field }, text);
  }
}

/** The number of entries of a page. @throws {AdminError} */
function pageSize(size: number): number {
  if (Number.isInteger(size) && size >= 0 && size <= PAGE.max) return size || PAGE.default;
  const text = `has to be from 0 to ${PAGE.max}`;
  throw new AdminError({ kind: "invalid", field: "page_size" }, text);
}

function checkReason(reason: string): void {
  const problem = reason.length > MAX_REASON
    ? `has more than ${MAX_REASON} characters`
    : CONTROL.test(reason)
    ? "contains a control character"
    : undefined;
  if (problem) throw new AdminError({ kind: "invalid", field: "reason" }, problem);
}

function because(reason: string): string {
  return reason === "" ? "" : `: ${reason}`;
}

/** A text of a request for a log line: one character more than allowed shows that it is longer. */
function truncated(text: string): string {
  return text.slice(0, MAX_REASON + 1);
}

/** A text of a request in a message, shortened and without control characters. */
function quoted(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text);
}

/** The stream of an action, for its log line. */
function streamFields({ identity, peer, rpc, filter }: StreamReport) {
  return { stream_identity: identity, stream_peer: peer, rpc, filter };
}
