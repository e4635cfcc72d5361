/**
 * Administration of real streams and connections, over links that only record.
 *
 * @module
 */
import { type Access, Unauthenticated } from "../../src/application/access/access.ts";
import { Administration } from "../../src/application/admin/administration.ts";
import { Drain } from "../../src/application/admin/drain.ts";
import { StreamAudit } from "../../src/application/admin/stream_audit.ts";
import { type Channels, createChannels } from "../../src/application/broadcast/channels.ts";
import { QueueMemory } from "../../src/application/broadcast/queue_memory.ts";
import { ConnectionLimits } from "../../src/application/connections/connection_limits.ts";
import type { Clock } from "../../src/application/ports/clock.ts";
import type { LogLevel } from "../../src/application/ports/log.ts";
import { createCounters } from "../../src/application/status/counters.ts";
import type { ClientStreams } from "../../src/application/streaming/client_streams.ts";
import { StreamRegistry } from "../../src/application/streaming/stream_registry.ts";
import { type ChannelName, CHANNELS } from "../../src/domain/market/channels.ts";
import { ANONYMOUS, type Identity } from "../../src/domain/access/grants.ts";
import { FEEDS } from "../../src/domain/connection/feed.ts";
import { UnderlyingDirectory } from "../../src/domain/options/underlying_directory.ts";
import { LIVE } from "./live_feed.ts";
import { RecordingLog } from "./recording_log.ts";

const IDENTITIES: Readonly<Record<string, Identity>> = {
  operator: { name: "operator", grants: { ...ANONYMOUS.grants, admin: true } },
  /** Administers without the grant for orders. */
  caretaker: { name: "caretaker", grants: { ...ANONYMOUS.grants, admin: true, orders: false } },
  reader: { name: "reader", grants: ANONYMOUS.grants },
};

/**
 * The token of an identity is its name: `operator` and `caretaker`, who may administer, or
 * `reader`.
 */
export const NAMED_ACCESS: Access = {
  isOn: true,
  authenticate: ({ token = "" }) => {
    const identity = IDENTITIES[token];
    if (identity) return identity;
    throw new Unauthenticated("invalid", "The bearer token is not valid");
  },
  isBlocked: () => false,
  denied: () => {},
};

/** What {@linkcode administered} makes. */
export interface Administered {
  readonly admin: Administration;
  readonly audit: StreamAudit;
  readonly channels: Channels;
  readonly connections: ConnectionLimits;
  readonly drain: Drain;
  /** Lines of the audit log. */
  readonly log: RecordingLog;
  readonly logControl: { level: LogLevel };
  /** Feeds that were reconnected. */
  readonly reconnects: string[];
  readonly streams: StreamRegistry;
  /** The open streams of `streams`. */
  readonly clients: ClientStreams;
}

/**
 * Makes an administration; feeds without a session refuse to reconnect.
 *
 * @param options.capacity of each channel and of what it retains
 */
export function administered(
  clock: Clock,
  { hasSession = true, capacity = 10 } = {},
): Administered {
  const log = new RecordingLog();
  const counters = createCounters();
  const drain = new Drain();
  const audit = new StreamAudit(log, clock);
  const capacities = Object.fromEntries(CHANNELS.map((name) => [name, capacity]));
  const channels = createChannels({
    capacities: capacities as Record<ChannelName, number>,
    counters,
    memory: new QueueMemory(),
    directory: new UnderlyingDirectory(),
  });
  const streams = new StreamRegistry({
    channels,
    feeds: new Set(FEEDS),
    sinks: {},
    clock,
    counters,
    drain,
    audit,
    newId: () => "abcdef0123",
    freshnessOf: () => LIVE,
  });
  const connections = new ConnectionLimits({ maxGrpc: 100, maxHttp: 100, counters, clock, log });
  const reconnects: string[] = [];
  const link = (feed: string) => ({
    status: { state: "connecting" } as never,
    reconnect: () => hasSession && reconnects.push(feed) > 0,
  });
  const logControl = { level: "info" as LogLevel, always: log };
  const { clients } = streams;
  const admin = new Administration({
    clients,
    connections,
    links: { sip: link("sip"), opra: link("opra") },
    drain,
    drainMs: 10_000,
    settings: () => [
      { name: "LOG_LEVEL", value: "info", variable: "RUST_LOG" },
      { name: "ALPACA_KEY", value: "<set>", variable: undefined },
    ],
    logControl,
    log: new RecordingLog(),
    clock,
  });
  return {
    admin,
    audit,
    channels,
    clients,
    connections,
    drain,
    log,
    logControl,
    reconnects,
    streams,
  };
}
