/**
 * Records the events of upstream, and what they add up to.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { FeedId } from "../../src/domain/connection/feed.ts";
import type { FeedNotice, GapReason } from "../../src/domain/market/notices.ts";
import type { UpstreamChannel } from "../../src/domain/subscription/pairs.ts";
import type {
  Carriage,
  SymbolChange,
  UpstreamEvents,
} from "../../src/application/streaming/upstream_events.ts";

/** Receives events; fails on an event that contradicts an earlier one. */
export class RecordingEvents implements UpstreamEvents {
  /** Everything in short, oldest first. */
  readonly lines: string[] = [];
  /** Pairs that are carried, as channel and symbol. */
  readonly carriedPairs = new Set<string>();
  /** How often each pair was lost with a session. */
  readonly losses = new Map<string, number>();
  /** Since when the pairs of the last `notCarried` are missing; `undefined` for that moment. */
  lostSince: number | undefined;
  /** Called with every change of states. */
  onStates: (channel: UpstreamChannel, changes: readonly SymbolChange[]) => void = () => {};

  freshness(feed: FeedId, _channel: UpstreamChannel | undefined, notice: FeedNotice): void {
    this.lines.push(`${feed} ${notice.symbols.join()} is ${notice.freshness}`);
  }

  carried({ channel, symbols }: Carriage): void {
    assert.ok(symbols.length > 0, "an empty event");
    for (const symbol of symbols) {
      const pair = keyOf(channel, symbol);
      assert.ok(!this.carriedPairs.has(pair), `${pair} is carried already`);
      this.carriedPairs.add(pair);
    }
    this.lines.push(`carried ${keyOf(channel, symbols.join())}`);
  }

  notCarried(
    { channel, symbols }: Carriage,
    reason: GapReason | undefined,
    since: number | undefined,
  ): void {
    this.lostSince = since;
    assert.ok(symbols.length > 0, "an empty event");
    for (const symbol of symbols) {
      const pair = keyOf(channel, symbol);
      assert.ok(this.carriedPairs.delete(pair), `${pair} was not carried`);
      if (reason === "upstream_lost") this.losses.set(pair, (this.losses.get(pair) ?? 0) + 1);
    }
    this.lines.push(`${reason ?? "released"} ${keyOf(channel, symbols.join())}`);
  }

  subscription(_feed: FeedId, channel: UpstreamChannel, changes: readonly SymbolChange[]): void {
    assert.ok(changes.length > 0, "an empty event");
    const symbols = new Set(changes.map(({ symbol }) => symbol));
    assert.equal(symbols.size, changes.length, "a symbol twice in one event");
    for (const { symbol, state, reason } of changes) {
      this.lines.push(`${keyOf(channel, symbol)} ${state}${reason && `: ${reason}`}`);
    }
    this.onStates(channel, changes);
  }

  /** Returns the lines since the last call. */
  take(): string[] {
    return this.lines.splice(0);
  }
}

function keyOf(channel: UpstreamChannel | undefined, symbol: string): string {
  return `${channel ?? "updates"} ${symbol}`;
}
