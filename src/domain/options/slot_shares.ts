/**
 * Shares slots of the symbol quota among selections.
 *
 * Slots are handed out in rounds, so that neither a price that moves nor the order in which streams
 * opened leaves a selection without contracts: each selection first gets
 * {@linkcode GUARANTEED_CONTRACTS}, its best ones; then each has as many as its weight relative to
 * the others. The order of grants does not depend on the number of slots: one slot more takes no
 * contract from any selection, and the same input has the same result.
 *
 * @module
 */

/** Contracts that every selection gets before weights count: a call and a put. */
const GUARANTEED_CONTRACTS = 2;

/** What one selection requests. */
interface SlotRequest {
  /** OCC symbols, best first. */
  readonly desired: readonly string[];
  /** Share relative to the other requests, at least 1. */
  readonly weight: number;
  /** Channels on which each of its contracts uses a slot; without any it needs no slot. */
  readonly channels: readonly string[];
  /**
   * Whether it may hold a contract for which there is a slot. Called once for each contract that is
   * granted then, the best first; after `false` only for those that need no slot. @default always
   */
  readonly mayHold?: ((symbol: string) => boolean) | undefined;
}

/** The slots to share. */
interface SlotSupply {
  /** Slots in all; below 0 counts as 0. */
  readonly slots: number;
  /** Whether a contract has a slot anyway. @default none has */
  readonly isCarried?: (channel: string, symbol: string) => boolean;
}

/**
 * Returns the contracts of each request that have slots, best first.
 *
 * A contract of several requests uses one slot per channel. A contract that needs no slot, because
 * another request or a stream has it, is granted to all that request it.
 *
 * @param requests the oldest first, which is the order within a round
 */
export function shareSlots(
  requests: readonly SlotRequest[],
  supply: SlotSupply,
): readonly (readonly string[])[] {
  if (supply.slots === Infinity) return requests.map(({ desired }) => desired);
  const slots = new Slots(supply);
  const shares = requests.map((request) => new Share(request, slots));
  let open = shares;
  for (let round = 1; round <= GUARANTEED_CONTRACTS; round++) {
    for (const share of open) share.grantUpTo(round);
  }
  for (let level = 0;;) {
    open = open.filter(({ isOpen }) => isOpen);
    if (open.length === 0) break;
    // The heaviest gets one contract more in each round.
    level += 1 / open.reduce((most, { weight }) => Math.max(most, weight), 1);
    for (const share of open) share.grantUpTo(Math.floor(level * share.weight + ROUNDING));
  }
  return shares.map((share) => share.withFree());
}

/**
 * Returns how many contracts each selection may have of a total, by the same rule as
 * {@linkcode shareSlots}, without looking at the contracts.
 *
 * @param requests numbers of contracts, the oldest selection first
 */
export function shareCounts(
  requests: readonly { readonly count: number; readonly weight: number }[],
  total: number,
): readonly number[] {
  if (requests.reduce((sum, { count }) => sum + count, 0) <= total) {
    return requests.map(({ count }) => count);
  }
  const heaviest = requests.reduce((most, { weight }) => Math.max(most, weight), 1);
  const at = (level: number) =>
    requests.map(({ count, weight }) =>
      Math.min(count, Math.max(GUARANTEED_CONTRACTS, Math.floor(level * weight / heaviest)))
    );
  const fits = (level: number) => at(level).reduce((sum, count) => sum + count, 0) <= total;
  let level = 0;
  let tooHigh = heaviest * requests.reduce((most, { count }) => Math.max(most, count), 0);
  while (tooHigh - level > 1) {
    const middle = Math.floor((level + tooHigh) / 2);
    if (fits(middle)) level = middle;
    else tooHigh = middle;
  }
  const base = fits(level) ? at(level) : requests.map(() => 0);
  let left = Math.max(0, total) - base.reduce((sum, count) => sum + count, 0);
  return at(level + 1).map((count, index) => {
    const before = base[index] ?? 0;
    const more = Math.min(left, count - before);
    left -= more;
    return before + more;
  });
}

/** More than the sum of the rounding errors of a level, and less than a contract. */
const ROUNDING = 1e-6;

/** The slots that are left, and the contracts that have one. */
class Slots {
  #left: number;
  readonly #taken = new Map<string, Set<string>>();
  readonly #isCarried: (channel: string, symbol: string) => boolean;

  constructor({ slots, isCarried = () => false }: SlotSupply) {
    this.#left = Math.max(0, slots);
    this.#isCarried = isCarried;
  }

  /** Slots that a contract needs on the channels. */
  cost(channels: readonly string[], symbol: string): number {
    let cost = 0;
    for (const channel of channels) {
      if (!this.#taken.get(channel)?.has(symbol) && !this.#isCarried(channel, symbol)) cost++;
    }
    return cost;
  }

  /** Whether as many slots are left. */
  has(cost: number): boolean {
    return cost <= this.#left;
  }

  /** Takes the slots of a contract. */
  take(channels: readonly string[], symbol: string, cost: number): void {
    this.#left -= cost;
    for (const channel of channels) {
      const taken = this.#taken.get(channel);
      if (taken) taken.add(symbol);
      else this.#taken.set(channel, new Set([symbol]));
    }
  }
}

/** What one request has been granted. */
class Share {
  readonly weight: number;
  /** Whether a further contract may get a slot. */
  isOpen = true;
  readonly #request: SlotRequest;
  readonly #slots: Slots;
  readonly #granted: string[] = [];
  #next = 0;

  constructor(request: SlotRequest, slots: Slots) {
    this.weight = request.weight;
    this.#request = request;
    this.#slots = slots;
  }

  /** Grants contracts until there are `count`, those without a cost included. */
  grantUpTo(count: number): void {
    const { desired, channels, mayHold } = this.#request;
    while (this.isOpen && this.#granted.length < count) {
      const symbol = desired[this.#next];
      if (symbol === undefined) {
        this.isOpen = false;
        return;
      }
      const cost = this.#slots.cost(channels, symbol);
      this.isOpen = this.#slots.has(cost) && (mayHold?.(symbol) ?? true);
      if (!this.isOpen) return;
      this.#slots.take(channels, symbol, cost);
      this.#granted.push(symbol);
      this.#next++;
    }
  }

  /** What was granted, with the further contracts that need no slot. */
  withFree(): readonly string[] {
    const { desired, channels, mayHold } = this.#request;
    for (const symbol of desired.slice(this.#next)) {
      if (this.#slots.cost(channels, symbol) > 0) continue;
      if (mayHold?.(symbol) ?? true) this.#granted.push(symbol);
    }
    return this.#granted;
  }
}
