/**
 * The faults of replies in an option week: outages, and lists of contracts that are not complete.
 *
 * @module
 */
import type { Listed } from "./option_week.ts";

/** What a list lacks; `down` is no list at all, `untradable` has most contracts as not tradable. */
export type FaultKind = "empty" | "cut" | "down" | "tail" | "right" | "range" | "untradable";

/** Minutes of the week in which replies have a fault. */
export interface Fault {
  readonly kind: FaultKind;
  readonly from: number;
  readonly to: number;
}

const AT_ANY_TIME: readonly FaultKind[] = ["empty", "cut", "down"];
const IN_THE_MORNING: readonly FaultKind[] = ["tail", "right", "range", "untradable"];
/** Identical lists are taken as complete after half an hour. */
const LONGEST_IN_THE_MORNING = 25;
/** Minutes since which strikes are in the chain, unless they were added this morning. */
const LISTED_BEFORE = 120;
/** A first list is read again for three quarters of an hour. */
const LONGEST_FIRST = 40;

/**
 * Makes the faults of a week: one while streams open in most weeks, one in the load of each
 * morning, the others in sessions or at any time.
 *
 * @param mornings minutes of the week before the loads of the morning
 * @param minutes length of the week
 */
export function makeFaults(
  random: () => number,
  { mornings, minutes }: { readonly mornings: readonly number[]; readonly minutes: number },
): readonly Fault[] {
  const upTo = (count: number) => Math.floor(random() * count);
  const faults: Fault[] = [];
  const add = (kind: FaultKind | undefined, from: number, longest: number) => {
    if (kind) faults.push({ kind, from, to: from + 1 + upTo(longest) });
  };
  if (random() < 0.7) add((["tail", "tail", "cut", "empty"] as const)[upTo(4)], 0, LONGEST_FIRST);
  for (let i = 0; i < 7; i++) {
    const kind = AT_ANY_TIME[i % AT_ANY_TIME.length];
    const inSession = (1 + upTo(3)) * 1_440 + upTo(390) - 330;
    add(kind, i < 4 ? inSession : 60 + upTo(minutes - 60), 60);
  }
  const first = upTo(IN_THE_MORNING.length);
  for (const [day, from] of mornings.entries()) {
    add(IN_THE_MORNING[(first + day) % IN_THE_MORNING.length], from, LONGEST_IN_THE_MORNING);
  }
  return faults;
}

/**
 * The contracts of a list with a fault.
 *
 * @param contracts at least one, none of which is missing
 * @param moment the price of the underlying, and the minute of the week
 */
export function withFault(
  contracts: readonly Listed[],
  kind: FaultKind | undefined,
  { price, minute }: { readonly price: number; readonly minute: number },
): readonly Listed[] {
  const nearest = Math.min(
    ...contracts.filter(({ endsAt }) => endsAt > minute).map(({ day }) => day),
  );
  switch (kind) {
    case "empty":
    case "down":
      return [];
    case "cut":
      return contracts.slice(0, 1);
    case "tail":
      return contracts.filter(({ day }) => day <= nearest);
    case "right":
      return contracts.filter(({ day, right }) => day !== nearest || right === "call");
    case "range":
      return withoutRange(contracts, nearest, { price, minute });
    case "untradable":
    case undefined:
      return contracts;
  }
}

/**
 * Contracts without the strikes around a price of an expiry. Among them are two strikes, or a
 * quarter of the contracts on every other day, that were listed before this morning.
 */
function withoutRange(
  contracts: readonly Listed[],
  expiry: number,
  { price, minute }: { readonly price: number; readonly minute: number },
): readonly Listed[] {
  const distance = ({ strike }: Listed) => Math.abs(strike - price);
  const before = contracts.filter(({ day, listedAt, isActive }) =>
    day === expiry && isActive && listedAt < minute - LISTED_BEFORE
  ).sort((a, b) => distance(a) - distance(b));
  const last = before[expiry % 2 === 0 ? Math.ceil(before.length / 4) : 3];
  const width = last ? distance(last) : 0;
  return contracts.filter((it) => it.day !== expiry || distance(it) > width);
}
