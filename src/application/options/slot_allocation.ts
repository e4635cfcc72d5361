/**
 * Shares the slots of the symbol quota among expansions, within the shares of the identities whose
 * streams request them, and subscribes what they are assigned.
 *
 * @module
 */
import { shareSlots } from "../../domain/options/slot_shares.ts";
import type { ShareTrial } from "../../domain/subscription/identity_shares.ts";
import type { UpstreamChannel } from "../../domain/subscription/pairs.ts";
import type { SubscriptionSink } from "../feeds/subscription_manager.ts";
import type { Expansion } from "./expansion.ts";

/** Allocations per update while more is requested than there are slots. */
const MAX_ALLOCATIONS = 4;

/** Allocates the slots that no stream's own symbols use. */
export class SlotAllocation {
  readonly #sink: SubscriptionSink;

  /** @param sink the subscriptions of the option feed */
  constructor(sink: SubscriptionSink) {
    this.#sink = sink;
  }

  /** Whether more is requested than there are slots. */
  isOver(expansions: readonly Expansion[]): boolean {
    return isOver(this.#freeSlots(expansions));
  }

  /**
   * Assigns contracts within the slots that no stream's own symbols use. Repeated
   * while more is requested than there are slots, because a contract that Alpaca
   * rejects needs none.
   *
   * @param expansions all of them, the oldest first
   */
  allocate(expansions: readonly Expansion[]): void {
    const sink = this.#sink;
    for (let times = 0; times < MAX_ALLOCATIONS; times++) {
      const free = this.#freeSlots(expansions);
      if (times > 0 && !isOver(free)) return;
      const trial = sink.shares?.trial();
      const requests = expansions.map((expansion) => {
        const { desired, weight } = expansion;
        const channels = [...expansion.channels.keys()].filter((channel) => free.has(channel));
        const mayHold = trial && mayHoldFor(expansion, channels, trial);
        return { desired, weight, channels, mayHold };
      });
      const isCarried = (channel: string, symbol: string) =>
        sink.isNamed(channel as UpstreamChannel, symbol);
      const shares = shareSlots(requests, { slots: this.#slots(expansions, free), isCarried });
      for (const [at, symbols] of shares.entries()) expansions[at]?.assign(symbols);
      if (trial) sink.shares?.recordSelected(trial);
      for (const [at, { desired, assigned }] of expansions.entries()) {
        // A learned limit is tested with the best contract that has no slot.
        const [counted] = requests[at]?.channels ?? [];
        if (counted === undefined || assigned.size === desired.length) continue;
        const leftOut = desired.find((symbol) => !assigned.has(symbol));
        if (leftOut) sink.testLimitWith(counted, leftOut);
      }
      if (!this.apply(expansions)) return;
    }
  }

  /**
   * Subscribes what is assigned on every channel; false when nothing has changed.
   * Adds before it removes, so that contracts that move stay subscribed.
   */
  apply(expansions: readonly Expansion[]): boolean {
    const sink = this.#sink;
    const removals: (() => void)[] = [];
    let changed = false;
    for (const { channels, assigned: wanted } of expansions) {
      for (const [channel, state] of channels) {
        const { streams, subscribed } = state;
        const assigned = streams > 0 ? wanted : new Set<string>();
        if (assigned === subscribed) continue;
        state.subscribed = assigned;
        const added = [...assigned].filter((symbol) => !subscribed.has(symbol));
        const removed = [...subscribed].filter((symbol) => !assigned.has(symbol));
        if (added.length > 0) sink.add(channel, added, "selection");
        if (removed.length > 0) removals.push(() => sink.remove(channel, removed, "selection"));
        changed ||= added.length + removed.length > 0;
      }
    }
    for (const remove of removals) remove();
    return changed;
  }

  /** Free slots of the channels in use; none for a channel without a limit. */
  #freeSlots(expansions: readonly Expansion[]): ReadonlyMap<UpstreamChannel, number> {
    const free = new Map<UpstreamChannel, number>();
    for (const { channels } of expansions) {
      for (const channel of channels.keys()) {
        const slots = free.has(channel) ? undefined : this.#sink.freeSlots(channel);
        if (slots !== undefined) free.set(channel, slots);
      }
    }
    return free;
  }

  /** Slots that no stream's own symbols use; all channels that count share them. */
  #slots(
    expansions: readonly Expansion[],
    free: ReadonlyMap<UpstreamChannel, number>,
  ): number {
    const own = new Set<string>();
    for (const { channels } of expansions) {
      for (const [channel, { subscribed }] of channels) {
        if (!free.has(channel)) continue;
        for (const symbol of subscribed) {
          if (!this.#sink.isNamed(channel, symbol)) own.add(`${channel} ${symbol}`);
        }
      }
    }
    return own.size + Math.min(Infinity, ...free.values());
  }
}

/**
 * Returns whether contracts of an expansion fit into the share of one of its identities; each
 * identity that they fit holds them.
 */
function mayHoldFor(
  expansion: Expansion,
  channels: readonly UpstreamChannel[],
  trial: ShareTrial,
): (symbol: string) => boolean {
  const holders = Array.from(expansion.holders.values(), ({ holder }) => holder);
  expansion.mayHold = undefined;
  return (symbol) => {
    const pairs = channels.map((channel) => ({ channel, symbol }));
    let fits = false;
    for (const holder of holders) fits = trial.hold(holder, pairs) || fits;
    if (!fits) {
      const limits = holders.map((holder) => trial.check(holder, pairs)?.limit ?? 0);
      expansion.mayHold = Math.max(...limits);
    }
    return fits;
  };
}

/** Whether more is requested than there are slots. */
function isOver(free: ReadonlyMap<UpstreamChannel, number>): boolean {
  return free.values().some((slots) => slots < 0);
}
