import type { ChannelEvents, ChannelName } from "../../domain/market/channels.ts";
import type { LatestChannel } from "../ports/market_data.ts";
import type { LastEventSource } from "../streaming/stream_registry.ts";
import { LastValues, type LastValuesOptions } from "./last_values.ts";

/** The last known events of all channels that have some. */
export class LastEvents implements LastEventSource {
  readonly #channels: { readonly [C in LatestChannel]: LastValues<C> };

  constructor(options: LastValuesOptions) {
    this.#channels = {
      stockQuotes: new LastValues("stockQuotes", options),
      stockTrades: new LastValues("stockTrades", options),
      stockBars: new LastValues("stockBars", options),
      optionQuotes: new LastValues("optionQuotes", options),
      optionTrades: new LastValues("optionTrades", options),
    };
  }

  lookUp<C extends ChannelName>(
    channel: C,
    symbols: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, ChannelEvents[C]>> {
    const values = this.#of(channel);
    if (!values) return Promise.resolve(new Map());
    return values.lookUp(symbols, signal) as Promise<ReadonlyMap<string, ChannelEvents[C]>>;
  }

  forget(channel: ChannelName): void {
    this.#of(channel)?.forget();
  }

  #of(channel: ChannelName): LastValues<LatestChannel> | undefined {
    const channels: Readonly<Partial<Record<ChannelName, unknown>>> = this.#channels;
    return channels[channel] as LastValues<LatestChannel> | undefined;
  }
}
