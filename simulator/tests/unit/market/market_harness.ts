/**
 * A market with one client that subscribes to one endpoint.
 *
 * @module
 */
import { ManualClock } from "../../../src/clock.ts";
import { Faults } from "../../../src/faults.ts";
import type { FractionalSizes } from "../../../src/market/sizes.ts";
import { Market } from "../../../src/market/market.ts";
import type { ChannelName } from "../../../src/protocol/endpoints.ts";
import { type EndpointName, ENDPOINTS } from "../../../src/protocol/endpoints.ts";
import { SeededRandom } from "../../../src/random.ts";
import { type Subscriber, Subscribers } from "../../../src/session/subscribers.ts";

/** A message as it was received. */
export type Shown = Record<string, unknown> & { T: string; S: string };

/** A market with one client of JSON messages on one endpoint. */
export class MarketHarness implements Disposable {
  readonly clock: ManualClock;
  readonly faults = new Faults();
  readonly market: Market;
  readonly messages: Shown[] = [];
  readonly #subscribers: Subscribers;
  readonly #subscriber: Subscriber;

  constructor(
    endpoint: EndpointName,
    options: {
      seed?: string;
      rate?: number;
      symbolRate?: number;
      universeSize?: number;
      barSeconds?: number;
      startMs?: number;
      haltEverySeconds?: number;
      fractionalSizes?: FractionalSizes;
      irregularTrades?: boolean;
      newsEverySeconds?: number;
    } = {},
  ) {
    this.clock = new ManualClock(options.startMs);
    const subscribers = new Map(
      ENDPOINTS.map(({ name }) => {
        const { clock, faults } = this;
        return [
          name,
          new Subscribers({ endpoint: name, clock, keepMs: 0, faults, ledger: undefined }),
        ];
      }),
    );
    // Every endpoint has subscribers; they were made one line above.
    this.#subscribers = subscribers.get(endpoint) as Subscribers;
    this.#subscriber = {
      encoding: "json",
      deliver: (text) => this.messages.push(JSON.parse(String(text))),
      flush: () => {},
    };
    this.market = new Market({
      emittedOnly: false,
      clock: this.clock,
      random: new SeededRandom(options.seed ?? "test"),
      faults: this.faults,
      subscribers,
      universeSize: options.universeSize ?? 70,
      messagesPerSecond: options.rate ?? (options.symbolRate ? 200_000 : 1000),
      messagesPerSymbol: options.symbolRate ?? 0,
      tickMs: 10,
      barSeconds: options.barSeconds ?? 60,
      haltEverySeconds: options.haltEverySeconds ?? 0,
      historyCapacity: 1000,
      fractionalSizes: options.fractionalSizes ?? {},
      irregularTrades: options.irregularTrades ?? true,
      newsEverySeconds: options.newsEverySeconds ?? 20,
      newsMaxBytes: 1_500_000,
    });
  }

  follow(channel: ChannelName, ...symbols: string[]): this {
    for (const symbol of symbols) {
      const interest = { change: "add" as const, channel, symbol };
      this.#subscribers.change(this.#subscriber, interest);
    }
    return this;
  }

  of(type: string): Shown[] {
    return this.messages.filter((message) => message.T === type);
  }

  [Symbol.dispose](): void {
    this.market[Symbol.dispose]();
  }
}
