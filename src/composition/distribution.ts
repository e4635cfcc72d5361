/**
 * Makes what a hub distributes its feeds with: frames for all edges, answers for each of them.
 *
 * @module
 */
import { EdgeDemand } from "../application/cluster/edge_demand.ts";
import { RestResponder } from "../application/cluster/rest_responder.ts";
import type { OrderBooks } from "../application/orderbooks/order_books.ts";
import { orderBookJson } from "../application/relay/order_book_json.ts";
import type { QuotaSource, SubscriptionSink } from "../application/feeds/subscription_manager.ts";
import { supervise } from "../application/timing/supervise.ts";
import type { UpstreamTap } from "../application/ports/upstream_tap.ts";
import type { ProxyCounters } from "../application/status/counters.ts";
import type { DistributionReport } from "../application/status/status.ts";
import type { UpstreamEvents } from "../application/streaming/upstream_events.ts";
import { type FeedId, FEEDS, type MarketFeedId } from "../domain/connection/feed.ts";
import type { Dependencies } from "./dependencies.ts";
import { feedKinds } from "./feeds.ts";
import { apiReader } from "../infrastructure/alpaca/rest/api_reader.ts";
import type { ApiHosts } from "../infrastructure/alpaca/rest/responses.ts";
import { type Config, secretsOf } from "../infrastructure/config/config.ts";
import { redact } from "../infrastructure/logging/redaction.ts";
import type { FramePublisher } from "../infrastructure/nats/frame_publisher.ts";
import type { HubService } from "../infrastructure/nats/hub_service.ts";
import { frameStream, natsAccess } from "./nats.ts";

const decoder = new TextDecoder();

/** Edges of one hub. */
const MAX_EDGES = 1_000;
/** Pairs of all edges on all feeds, as a multiple of what one edge may have. */
const TOTAL_FACTOR = 10;

/** What is distributed. */
interface Source {
  /** Subscriptions of the feeds that have some. */
  readonly managers: Readonly<Partial<Record<MarketFeedId, SubscriptionSink & QuotaSource>>>;
  readonly orderBooks: Pick<OrderBooks, "wholeOf">;
  /** Alpaca's REST APIs. */
  readonly hosts: ApiHosts;
}

/** What distributes the feeds of a hub. */
export interface Distribution {
  /** Receives the frames of a feed. */
  tapOf(feed: FeedId): UpstreamTap | undefined;
  /** Receives what changes upstream, for the edges. */
  readonly events: Pick<UpstreamEvents, "carried" | "notCarried" | "subscription">;
  /** Reports the edges that are attached, and what waits for NATS. */
  report(): DistributionReport;
  /** Publishes what has arrived. */
  flush(): void;
  /** Serves edges until the signal fires. */
  run(source: Source, signal: AbortSignal): Promise<void>;
}

/** Makes the distribution; NATS is connected in the background, until `resources` is disposed. */
export async function openDistribution(
  config: Config,
  { clock, log, counters, lease }: Pick<Dependencies, "clock" | "log"> & {
    readonly counters: ProxyCounters;
    readonly lease: { readonly term: bigint | undefined };
  },
  resources: AsyncDisposableStack,
): Promise<Distribution> {
  const access = natsAccess(config);
  if (!access) throw new Error("A hub needs servers of NATS");
  const [{ NatsClient }, { BoundedPublisher }, publishing, serving, retaining, protocol] =
    await Promise.all([
      import("../infrastructure/nats/nats_client.ts"),
      import("../infrastructure/nats/bounded_publisher.ts"),
      import("../infrastructure/nats/frame_publisher.ts"),
      import("../infrastructure/nats/hub_service.ts"),
      import("../infrastructure/nats/retained_frames.ts"),
      import("../infrastructure/nats/hub_protocol.ts"),
    ]);
  const client = resources.use(
    new NatsClient({
      name: "alpaca-stream-proxy hub",
      access,
      clock,
      log,
      shown: { in: counters.nats, as: "feeds" },
    }),
  );
  const { nats: { prefix, retainBytes, retainAgeMs, replicas }, limits } = config;
  const subjects = protocol.hubSubjects(prefix);
  const publisher = new BoundedPublisher(() => client.current);
  const secrets = secretsOf(config).map((secret) => secret.reveal());
  const frames: FramePublisher = new publishing.FramePublisher({
    feeds: config.feeds,
    subjectOf: subjects.feed,
    lease,
    publisher,
    secrets,
    clock,
    log,
    counters: counters.distribution,
  });
  const kinds = feedKinds(config);
  let demand: EdgeDemand | undefined;
  return {
    tapOf: (feed) => frames.tapOf(feed),
    events: {
      carried: (pairs) => demand?.carried(pairs),
      notCarried: (pairs, reason) => demand?.notCarried(pairs, reason),
      subscription: (feed) => demand?.subscription(feed),
    },
    report: () => ({
      edges: demand?.reports() ?? [],
      pendingBytes: publisher.pendingBytes,
    }),
    flush: frames.flush,
    async run({ managers, orderBooks, hosts }, signal) {
      const edges = demand = new EdgeDemand({
        kinds: Object.fromEntries(
          FEEDS.filter((feed) => config.feeds.has(feed)).map((feed) => [feed, kinds[feed]]),
        ),
        sinks: managers,
        lease,
        positionOf: (feed) => frames.positionOf(feed),
        publishState: (edge, state) => service.publishState(edge, state),
        wholeBooks: (feed, pairs) => {
          if (feed !== "crypto") return [];
          const books = pairs.filter(({ channel }) => channel === "orderbooks");
          return orderBooks.wholeOf(books.map(({ symbol }) => symbol)).map((book) => ({
            symbol: book.symbol,
            frame: `[${decoder.decode(orderBookJson(book))}]`,
          }));
        },
        publishQuota: (edge, quota) => service.publishQuota(edge, quota),
        limits: {
          maxEdges: MAX_EDGES,
          maxPairs: limits.maxSymbols,
          maxTotalPairs: TOTAL_FACTOR * limits.maxSymbols,
        },
        clock,
        log,
      });
      const service: HubService = new serving.HubService({
        client,
        subjects,
        publisher,
        flush: frames.flush,
        demand: edges,
        isRetained: retainBytes > 0,
        rest: new RestResponder(apiReader(hosts), {
          redact: redact(secrets),
          isIn: (text) => secrets.some((secret) => text.includes(secret)),
        }, (edge) => edges.isAttached(edge)),
        clock,
        log,
        counters: counters.distribution,
      });
      const keep = (part: (signal: AbortSignal) => Promise<void>) =>
        supervise(part, { clock, log, signal });
      const retained = {
        client,
        stream: frameStream(config),
        subjects: subjects.feeds,
        replicas,
        maxBytes: retainBytes,
        maxAgeMs: retainAgeMs,
        clock,
        log,
      };
      await Promise.all([
        keep((signal) => service.run(signal)),
        keep((signal) => edges.run(signal)),
        keep((signal) => frames.run(signal)),
        retainBytes > 0
          ? retaining.prepareRetainedFrames(retained, signal)
          : retaining.warnOfRetainedFrames(retained, signal),
      ]);
      demand = undefined;
    },
  };
}
