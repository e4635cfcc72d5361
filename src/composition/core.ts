/**
 * Everything between upstream and the faces: feeds, channels, streams, status.
 *
 * @module
 */
import manifest from "../../deno.json" with { type: "json" };
import { createChannels } from "../application/broadcast/channels.ts";
import { QueueMemory } from "../application/broadcast/queue_memory.ts";
import { supervise } from "../application/feeds/supervise.ts";
import {
  createCounters,
  type ProxyCounters,
} from "../application/status/counters.ts";
import { MessageAges } from "../application/status/message_ages.ts";
import { statusSource } from "../application/status/describe_proxy.ts";
import type { StatusSource } from "../application/status/proxy_status.ts";
import type {
  QuotaSource,
  SubscriptionSource,
} from "../application/status/subscription_report.ts";
import { endStalled } from "../application/streaming/end_stalled.ts";
import { Streams } from "../application/streaming/open_streams.ts";
import { reportLosses } from "../application/streaming/report_losses.ts";
import { UnderlyingDirectory } from "../domain/options/underlying_directory.ts";
import type { Config } from "../infrastructure/config/config.ts";
import { buildExpansions } from "./expansions.ts";
import { buildFeeds, feedKinds } from "./feeds.ts";
import type { Tools } from "./tools.ts";

/** What the faces are served from. */
export interface Core {
  readonly counters: ProxyCounters;
  readonly streams: Streams;
  readonly status: StatusSource;
  readonly subscriptions: SubscriptionSource;
  readonly quotas: QuotaSource;
  readonly ages: MessageAges;
  /** What the queues of all streams hold. */
  readonly memory: QueueMemory;
  /** Follows every feed, supervised, until the signal fires. */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Makes the core; nothing is dialed before it runs.
 *
 * @param options.draining whether the proxy has begun to shut down
 */
export function composeCore(
  config: Config,
  options: { readonly tools: Tools; readonly draining: () => boolean },
): Core {
  const { tools, draining } = options;
  const { clock, log } = tools;
  const counters = createCounters();
  const directory = new UnderlyingDirectory();
  const { capacities, limits } = config;
  const memory = new QueueMemory(limits.queueMemoryBytes);
  const channels = createChannels({ capacities, counters, memory, directory });
  const feeds = buildFeeds({ config, channels, counters, ...tools });
  const { links, managers } = feeds;
  const sink = managers.opra;
  const underlyings = sink &&
    buildExpansions({
      config,
      sink,
      directory,
      clock,
      log,
      maxContracts: () => limits.maxSymbols - streams.symbols,
    });
  const streams: Streams = new Streams({
    channels,
    feeds: config.feeds,
    sinks: managers,
    underlyings,
    clock,
    maxSymbols: limits.maxSymbols,
    refusals: counters.refusals,
  });
  const ages = new MessageAges(counters, clock);
  return {
    counters,
    streams,
    ages,
    memory,
    status: statusSource({
      version: manifest.version,
      environment: config.environment,
      clock,
      links,
      kinds: feedKinds(config),
      streams,
      draining,
    }),
    quotas: () =>
      Object.values(managers).map((manager) => manager.reportQuota()),
    subscriptions: () =>
      Object.entries(managers).map(([feed, manager]) =>
        manager.report(feed === "opra" ? underlyings?.reports() ?? [] : [])
      ),
    async run(signal) {
      await Promise.all([
        ...Object.entries(links).map(([feed, link]) =>
          supervise((signal) => link.run(signal), {
            clock,
            log: log.with({ feed }),
            signal,
          })
        ),
        underlyings &&
        supervise((signal) => underlyings.run(signal), { clock, log, signal }),
        supervise(
          (signal) =>
            endStalled(streams, {
              memory,
              stalledMs: limits.stalledStreamMs,
              clock,
              log,
              signal,
            }),
          { clock, log, signal },
        ),
        supervise((signal) => ages.run(signal), { clock, log, signal }),
        supervise(
          (signal) => reportLosses(streams, { clock, log, signal }),
          { clock, log, signal },
        ),
      ]);
    },
  };
}
