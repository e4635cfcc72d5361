/**
 * Makes what an edge has in the place of connections with Alpaca: a connection to its hub.
 *
 * @module
 */
import { reportFollowedHub } from "../application/cluster/followed_hub.ts";
import type { FeedLinkOptions } from "../application/feeds/feed_link.ts";
import type { Clock } from "../application/ports/clock.ts";
import type { FeedConnector } from "../application/ports/feed_connector.ts";
import type { Log } from "../application/ports/log.ts";
import type { StoredEntry } from "../application/ports/order_store.ts";
import type { ProxyCounters } from "../application/status/counters.ts";
import type { FollowedHubReport } from "../application/status/reports.ts";
import { forwardedApi } from "../infrastructure/alpaca/rest/forwarded_api.ts";
import type { ApiHosts } from "../infrastructure/alpaca/rest/responses.ts";
import type { Config } from "../infrastructure/config/config.ts";
import type { HubFeed } from "../infrastructure/nats/hub_session.ts";
import { frameStream, natsAccess, orderStream } from "./nats.ts";
import { loadOrders, withDeadline } from "./stored_orders.ts";

/** How the links of an edge differ from those of a process with sessions of its own. */
type HubLinkSettings = Pick<FeedLinkOptions, "heartbeat" | "reconnect" | "remedies">;

/** A hub, whichever process is it. */
export interface Hub extends AsyncDisposable {
  /** Alpaca's REST APIs. */
  readonly hosts: ApiHosts;
  /** How sessions with it are kept. */
  readonly links: HubLinkSettings;
  /** Why new streams are refused; `undefined` while a hub answers. */
  readonly absence: string | undefined;
  /** What is received from it. */
  readonly report: FollowedHubReport;
  /** Opens sessions of a feed. */
  connector(
    feed: Pick<HubFeed, "feed" | "kind" | "receiver" | "deliveries" | "needsBook">,
  ): FeedConnector;
  /** Reads the order updates that hubs have stored; `undefined` while NATS is not connected. */
  load(signal: AbortSignal): Promise<readonly StoredEntry[] | undefined>;
}

/** How long the start waits for a connection to NATS, in ms. */
const CONNECT_MS = 5_000;
/** The hub notices when Alpaca is silent, and reports that its session is lost. */
const HEARTBEAT_MS = 86_400_000;
/** Delays of reconnecting, in ms: a hub is in the same network. */
const RECONNECT = {
  initialDelayMs: 100,
  maxDelayMs: 2_000,
  multiplier: 2,
  maxAttempts: 0,
  stableMs: 1_000,
};

const TEMPORARY = "If this persists, check the hub and NATS";

/** Makes the connection to the hub; nothing is opened yet. */
export async function openHub(
  config: Config,
  { clock, log, counters }: {
    readonly clock: Clock;
    readonly log: Log;
    readonly counters: ProxyCounters;
  },
): Promise<Hub> {
  const access = natsAccess(config);
  if (!access) throw new Error("An edge needs STREAM_PROXY_NATS_URL");
  const [
    { NatsClient },
    { HubLink },
    { HubRest },
    { createHubConnector },
    { loadStored },
    reading,
  ] = await Promise.all([
    import("../infrastructure/nats/nats_client.ts"),
    import("../infrastructure/nats/hub_link.ts"),
    import("../infrastructure/nats/hub_rest.ts"),
    import("../infrastructure/nats/hub_session.ts"),
    import("../infrastructure/nats/stored_order_reader.ts"),
    import("../infrastructure/nats/retained_reader.ts"),
  ]);
  const client = new NatsClient({
    name: "alpaca-stream-proxy-edge",
    access,
    clock,
    log,
    shown: { in: counters.nats, as: "edge" },
  });
  const { nats: { prefix }, limits, heartbeat: { timeoutMs } } = config;
  const [name, secret] = [randomHex(8), randomHex(16)];
  const link = new HubLink({
    client,
    prefix,
    edge: `${name}-${secret}`,
    clock,
    log,
    counters: counters.edge,
  });
  const forwarder = new HubRest(link, clock);
  const api = { forwarder, counters: counters.rest };
  const retained = new reading.RetainedReader(
    clock,
    reading.retainedMessages(() => client.current, {
      stream: frameStream(config),
      subjects: link.subjects,
    }),
  );
  const { stream, subjectOf } = orderStream(config);
  const orders = { client, stream, subject: subjectOf("*"), capacity: limits.orderJournalUpdates };
  return {
    hosts: {
      trading: forwardedApi({ ...api, api: "trading" }),
      data: forwardedApi({ ...api, api: "data" }),
    },
    links: {
      heartbeat: { intervalMs: HEARTBEAT_MS, timeoutMs },
      reconnect: RECONNECT,
      remedies: { closed: TEMPORARY, dial: TEMPORARY, heartbeat: TEMPORARY, timeout: TEMPORARY },
    },
    get absence() {
      return link.absence;
    },
    get report() {
      return reportFollowedHub(counters.edge.feeds, {
        enabled: config.feeds,
        now: clock.now(),
        problem: link.absence,
      });
    },
    connector: ({ feed, ...rest }) =>
      createHubConnector({
        ...rest,
        feed,
        link,
        retained,
        counters: counters.edge.feeds[feed],
        clock,
        log: log.with({ feed }),
      }),
    async load(signal) {
      try {
        await withDeadline(
          CONNECT_MS,
          clock,
          (late) => client.connection(AbortSignal.any([late, signal])),
        );
      } catch {
        return undefined;
      }
      return await loadOrders(
        { clock, log },
        (signal) => loadStored({ ...orders, log, counters: counters.orderStore, signal }),
      );
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
