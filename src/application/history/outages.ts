/**
 * Fills the outages of all channels with a history.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import type { ChannelEvents, ChannelName } from "../../domain/market/channels.ts";
import type { Channels } from "../broadcast/channels.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { HistoryChannel, MarketData } from "../ports/market_data.ts";
import type { FillOutage } from "../streaming/annotated_stream.ts";
import { fromRest } from "../streaming/opening.ts";
import type { OutageSource } from "../streaming/stream_registry.ts";
import { Backfills } from "./backfills.ts";
import { IDENTITIES } from "./missing_events.ts";

/** What outages are filled with. */
interface OutagesOptions {
  readonly channels: Channels;
  readonly marketData: MarketData;
  /** Longest time without a frame after which a session is ended, in ms. */
  readonly maxSilenceMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Fills outages. */
export class Outages implements OutageSource {
  readonly #backfills: { readonly [C in HistoryChannel]: FillOutage<ChannelEvents[C]> };
  /** Requests of streams that are not filled yet, by feed. */
  readonly #running = new Map<FeedId, number>();

  constructor(options: OutagesOptions) {
    this.#backfills = {
      stockTrades: this.#counted("sip", createFiller("stockTrades", options)),
      stockBars: this.#counted("sip", createFiller("stockBars", options)),
      optionTrades: this.#counted("opra", createFiller("optionTrades", options)),
    };
  }

  /** Whether an outage of a feed is being filled. */
  isFilling(feed: FeedId): boolean {
    return (this.#running.get(feed) ?? 0) > 0;
  }

  fillerOf<C extends ChannelName>(channel: C): FillOutage<ChannelEvents[C]> | undefined {
    const backfills: Readonly<Partial<Record<ChannelName, unknown>>> = this.#backfills;
    return backfills[channel] as FillOutage<ChannelEvents[C]> | undefined;
  }

  #counted<E>(feed: FeedId, fill: FillOutage<E>): FillOutage<E> {
    const add = (count: number) => this.#running.set(feed, (this.#running.get(feed) ?? 0) + count);
    return async (...request) => {
      add(1);
      try {
        return await fill(...request);
      } finally {
        add(-1);
      }
    };
  }
}

function createFiller<C extends HistoryChannel>(
  name: C,
  { channels, marketData, ...options }: OutagesOptions,
): FillOutage<ChannelEvents[C]> {
  type E = ChannelEvents[C];
  const channel = channels[name];
  const backfills = new Backfills<E, Envelope<E>>({
    ...options,
    channel: name,
    history: (query, signal) => marketData.history(name, query, signal),
    received: channel,
    identity: IDENTITIES[name],
    wrap: (event) =>
      fromRest(event, {
        origin: "backfill",
        receivedAt: options.clock.now(),
        bytes: channel.bytesOf(event),
      }),
  });
  return (...request) => backfills.fill(...request);
}
