/**
 * Shares the slots of one feed's symbol quota among identities.
 *
 * - The first symbols of an identity use its **reservation**; no other identity can use those
 *   slots, also while they are free.
 * - All further symbols share the **pool**, the slots that are not reserved. A symbol uses one slot
 *   of it, however many identities request it.
 * - An identity holds at most its **maximum share** of the quota; each symbol that it requests
 *   counts, also one that others request as well.
 *
 * So an identity always gets the slots of its reservation, also after others have released a symbol
 * that it shared with them: reservations and pool together never exceed the quota, and to release a
 * symbol never uses more of the pool. Where reservations exceed the quota, which a learned limit
 * can show, they are reduced in proportion.
 *
 * @module
 */
import { type Pair, pairKey, type UpstreamChannel } from "./pairs.ts";
import type { SymbolQuota } from "./quota.ts";

/** On whose behalf symbols are requested. */
export interface Holder {
  /** Name of the identity; `""` while authentication is off. */
  readonly identity: string;
  /** Largest part of the quota that it may hold, 0 to 1. @default 1 */
  readonly maxShare?: number | undefined;
}

/** What a request exceeds. */
export interface ShareExcess {
  /** `share`: the maximum of the identity; `pool`: the slots that are not reserved for others. */
  readonly kind: "share" | "pool";
  readonly identity: string;
  /** Slots that the identity may hold: its share, or its reservation and what is left for it. */
  readonly limit: number;
  /** Slots that it holds. */
  readonly used: number;
  /** Slots that the request adds to them. */
  readonly requested: number;
}

/** Use of one identity. */
export interface ShareReport {
  readonly identity: string;
  /** Slots that its named symbols and selected contracts hold. */
  readonly used: number;
  /** Slots that are reserved for it. */
  readonly reserved: number;
}

/** A pair that an identity holds. */
interface Holding {
  readonly pair: Pair;
  /** Streams that name it. */
  streams: number;
}

/** What one identity holds. */
class Account {
  /** Every pair that its streams name, also those that use no slot. */
  readonly holdings = new Map<string, Holding>();
  /** Keys of pairs in its reservation. */
  readonly reserved = new Set<string>();
  /** Keys of pairs in the pool, the oldest first. */
  readonly pooled = new Set<string>();

  /** Slots that it holds. */
  get used(): number {
    return this.reserved.size + this.pooled.size;
  }
}

/** What {@linkcode IdentityShares} needs. */
interface IdentitySharesOptions {
  readonly quota: SymbolQuota;
  /** Slots that are reserved, by identity; 0 for those that are only reported. */
  readonly reserved: ReadonlyMap<string, number>;
  /** Pairs that need no slot although streams name them: rejected or ended ones. */
  readonly excluded: () => Iterable<Pair>;
}

/** The limits that are in force. */
interface Limits {
  /** The quota; `undefined` while unknown. */
  readonly slots: number | undefined;
  /** Channels that count. */
  readonly counts: ReadonlySet<UpstreamChannel>;
  /** Reserved slots by identity. */
  readonly reserved: ReadonlyMap<string, number>;
  /** Slots that are not reserved. */
  readonly pool: number;
}

/** Counts the slots of identities and checks requests. */
export class IdentityShares {
  readonly #quota: SymbolQuota;
  readonly #configured: ReadonlyMap<string, number>;
  readonly #excludedNow: () => Iterable<Pair>;
  readonly #accounts = new Map<string, Account>();
  /** Identities that hold a pair in the pool, by its key; no entry is 0. */
  readonly #pool = new Map<string, number>();
  /** Identities that hold a pair in their reservation, by its key; no entry is 0. */
  readonly #reserved = new Map<string, number>();
  #selected: ReadonlyMap<string, number> = new Map();
  #limits: Limits;
  /** Keys of pairs that need no slot. */
  #excluded: ReadonlySet<string> = new Set();

  constructor({ quota, reserved, excluded }: IdentitySharesOptions) {
    this.#quota = quota;
    this.#configured = reserved;
    this.#excludedNow = excluded;
    this.#limits = this.#limitsNow();
  }

  /** Whether slots are reserved. */
  get hasReservations(): boolean {
    return sum(this.#configured.values()) > 0;
  }

  /** By how many slots the configured reservations exceed the quota, if it is known. */
  get overcommitted(): number {
    return Math.max(0, sum(this.#configured.values()) - (this.#quota.limit ?? Infinity));
  }

  /** Checks a request of named symbols; returns what it exceeds, or `undefined`. */
  check(holder: Holder, pairs: Iterable<Pair>): ShareExcess | undefined {
    this.#refresh();
    return this.trial().check(holder, pairs);
  }

  /** Adds one stream of an identity to pairs. */
  add({ identity }: Holder, pairs: Iterable<Pair>): void {
    this.#refresh();
    const account = this.#accounts.get(identity) ?? new Account();
    this.#accounts.set(identity, account);
    for (const pair of pairs) {
      const key = pairKey(pair);
      const known = account.holdings.get(key);
      if (known) known.streams++;
      else {
        account.holdings.set(key, { pair, streams: 1 });
        this.#place(identity, account, key);
      }
    }
    if (account.holdings.size === 0) this.#accounts.delete(identity);
  }

  /** Removes one stream of an identity from pairs. */
  remove({ identity }: Holder, pairs: Iterable<Pair>): void {
    this.#refresh();
    const account = this.#accounts.get(identity);
    if (account === undefined) return;
    for (const pair of pairs) {
      const key = pairKey(pair);
      const known = account.holdings.get(key);
      if (known === undefined || --known.streams > 0) continue;
      account.holdings.delete(key);
      if (account.reserved.delete(key)) {
        decrement(this.#reserved, key);
        this.#fillReservation(identity, account);
      } else if (account.pooled.delete(key)) decrement(this.#pool, key);
    }
    if (account.holdings.size === 0) this.#accounts.delete(identity);
  }

  /** Whether a pair is in the reservation of an identity that requests it. */
  isReserved(pair: Pair): boolean {
    return this.#reserved.has(pairKey(pair));
  }

  /** Whether a pair is in a reservation at all. */
  get hasReserved(): boolean {
    this.#refresh();
    return this.#reserved.size > 0;
  }

  /** Starts a trial: what selections may hold beside the named symbols. */
  trial(): ShareTrial {
    this.#refresh();
    const { slots, reserved, pool } = this.#limits;
    return new ShareTrial({
      slots,
      pool,
      usesSlot: (pair) => this.#usesSlot(pair),
      reservedOf: (identity) => reserved.get(identity) ?? 0,
      accountOf: (identity) => this.#accounts.get(identity),
      pooled: this.#pool,
    });
  }

  /** Records what selections hold, by identity, for reports. */
  recordSelected(trial: ShareTrial): void {
    this.#selected = trial.counts();
  }

  /** Reports the configured identities, and all others together as `_other`. */
  reports(): readonly ShareReport[] {
    this.#refresh();
    const usedOf = (identity: string) =>
      (this.#accounts.get(identity)?.used ?? 0) + (this.#selected.get(identity) ?? 0);
    const reports = Array.from(this.#configured.keys(), (identity) => ({
      identity,
      used: usedOf(identity),
      reserved: this.#limits.reserved.get(identity) ?? 0,
    }));
    const all = new Set([...this.#accounts.keys(), ...this.#selected.keys()]);
    const others = [...all].filter((identity) => !this.#configured.has(identity));
    return [...reports, { identity: OTHERS, used: sum(others.map(usedOf)), reserved: 0 }];
  }

  /** Places all pairs again after the quota or what needs no slot has changed. */
  #refresh(): void {
    const { slots, counts } = this.#limits;
    const excluded = new Set(Iterator.from(this.#excludedNow()).map(pairKey));
    const isSame = slots === this.#quota.limit && counts === this.#quota.counts &&
      excluded.symmetricDifference(this.#excluded).size === 0;
    if (isSame) return;
    this.#excluded = excluded;
    this.#limits = this.#limitsNow();
    this.#pool.clear();
    this.#reserved.clear();
    for (const [identity, account] of this.#accounts) {
      account.reserved.clear();
      account.pooled.clear();
      for (const key of account.holdings.keys()) this.#place(identity, account, key);
    }
  }

  #limitsNow(): Limits {
    const { limit: slots, counts } = this.#quota;
    const configured = sum(this.#configured.values());
    const scale = slots === undefined || configured <= slots ? 1 : slots / configured;
    const reserved = new Map(
      Array.from(this.#configured, ([identity, count]) => [identity, Math.floor(count * scale)]),
    );
    return { slots, counts, reserved, pool: (slots ?? Infinity) - sum(reserved.values()) };
  }

  #usesSlot(pair: Pair): boolean {
    return this.#quota.usesSlot(pair) && !this.#excluded.has(pairKey(pair));
  }

  #place(identity: string, account: Account, key: string): void {
    const { pair } = account.holdings.get(key) ?? {};
    if (pair === undefined || !this.#usesSlot(pair)) return;
    if (account.reserved.size < (this.#limits.reserved.get(identity) ?? 0)) {
      account.reserved.add(key);
      increment(this.#reserved, key);
    } else {
      account.pooled.add(key);
      increment(this.#pool, key);
    }
  }

  /** Moves the oldest pair of the pool into a reservation that has room. */
  #fillReservation(identity: string, account: Account): void {
    const [key] = account.pooled;
    if (key === undefined) return;
    account.pooled.delete(key);
    decrement(this.#pool, key);
    this.#place(identity, account, key);
  }
}

/**
 * Returns how many of the slots an identity may hold, at least 1.
 *
 * @param maxShare part of the slots, 0 to 1. @default no maximum beside the slots themselves
 */
export function shareOf(slots: number, maxShare: number = 1): number {
  return maxShare < 1 ? Math.max(1, Math.floor(slots * maxShare)) : Infinity;
}

/** Name under which identities that are not configured are reported; no identity has it. */
const OTHERS = "_other";

/** What a trial starts from. */
interface TrialBase {
  readonly slots: number | undefined;
  readonly pool: number;
  readonly usesSlot: (pair: Pair) => boolean;
  readonly reservedOf: (identity: string) => number;
  readonly accountOf: (identity: string) => Account | undefined;
  /** Pairs in the pool. */
  readonly pooled: ReadonlyMap<string, number>;
}

/** What one identity holds in a trial. */
interface TrialAccount {
  readonly held: Set<string>;
  /** Slots of its reservation that are left. */
  left: number;
}

/** Pairs that identities would hold in addition. */
export class ShareTrial {
  readonly #base: TrialBase;
  readonly #accounts = new Map<string, TrialAccount>();
  readonly #pooled = new Set<string>();

  /** Created by {@linkcode IdentityShares.trial}. */
  constructor(base: TrialBase) {
    this.#base = base;
  }

  /** Checks whether an identity may hold pairs in addition; returns what they exceed. */
  check(holder: Holder, pairs: Iterable<Pair>): ShareExcess | undefined {
    const { slots, pool, pooled } = this.#base;
    if (slots === undefined) return undefined;
    const { identity, maxShare } = holder;
    const { held, left } = this.#account(identity);
    const used = (this.#base.accountOf(identity)?.used ?? 0) + held.size;
    const keys = this.#added(identity, pairs);
    const requested = keys.length;
    const share = shareOf(slots, maxShare);
    if (requested > 0 && used + requested > share) {
      return { kind: "share", identity, limit: share, used, requested };
    }
    const added = keys.slice(left).filter((key) => !this.#isPooled(key));
    const free = pool - pooled.size - this.#pooled.size;
    if (added.length === 0 || added.length <= free) return undefined;
    const limit = used + left + Math.max(0, free);
    return { kind: "pool", identity, limit, used, requested };
  }

  /** Holds pairs on behalf of an identity, all or none; false when it may not. */
  hold(holder: Holder, pairs: readonly Pair[]): boolean {
    if (this.check(holder, pairs)) return false;
    const { identity } = holder;
    const account = this.#account(identity);
    for (const key of this.#added(identity, pairs)) {
      account.held.add(key);
      if (account.left > 0) account.left--;
      else if (!this.#isPooled(key)) this.#pooled.add(key);
    }
    return true;
  }

  /** Pairs that each identity holds in addition. */
  counts(): ReadonlyMap<string, number> {
    return new Map(Array.from(this.#accounts, ([identity, { held }]) => [identity, held.size]));
  }

  /** The pairs that use a slot and that the identity does not hold yet. */
  #added(identity: string, pairs: Iterable<Pair>): readonly string[] {
    const { usesSlot, accountOf } = this.#base;
    const holdings = accountOf(identity)?.holdings;
    const { held } = this.#account(identity);
    const added = new Set<string>();
    for (const pair of pairs) {
      if (!usesSlot(pair)) continue;
      const key = pairKey(pair);
      if (!holdings?.has(key) && !held.has(key)) added.add(key);
    }
    return [...added];
  }

  #isPooled(key: string): boolean {
    return this.#base.pooled.has(key) || this.#pooled.has(key);
  }

  #account(identity: string): TrialAccount {
    const known = this.#accounts.get(identity);
    if (known) return known;
    const { reservedOf, accountOf } = this.#base;
    const left = reservedOf(identity) - (accountOf(identity)?.reserved.size ?? 0);
    const account = { held: new Set<string>(), left };
    this.#accounts.set(identity, account);
    return account;
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function decrement(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 0) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
