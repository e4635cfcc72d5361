/**
 * Reads the maxima of an option selection.
 *
 * A number of strikes that the request sets raises the default of `max_contracts` to what it needs
 * of one expiry, or of as many as the request sets; expiries that it lists raise it to both sides
 * of the price of each. A maximum that the request sets is never
 * changed; it is refused when it can never hold what the other fields request.
 *
 * @module
 */
import { type OptionSelection, SELECTION_BOUNDS } from "../../domain/options/selection.ts";
import type { OptionSelection as SelectionMessage } from "../../gen/cream/v1/stream_proxy_pb.ts";

/** Maxima of a selection. */
type Maxima = Pick<OptionSelection, "maxContracts" | "maxExpiries" | "maxContractsPerExpiry">;

/** What the maxima are read with. */
interface MaximaContext {
  /** Used for fields that the message does not set. */
  readonly defaults: Pick<OptionSelection, "maxContracts" | "maxExpiries" | "right">;
  /** Expiries that the message lists and that have not passed; 0 for none. */
  readonly expiries: number;
  /** Reports an invalid field. */
  readonly invalid: (field: string, description: string) => void;
}

/** Returns the maxima; each that is not possible becomes a violation. */
export function readMaxima(message: SelectionMessage, context: MaximaContext): Maxima {
  const { defaults, expiries, invalid } = context;
  const { maxContracts, maxContractsPerExpiry } = message;
  const most = maxContracts ?? Math.max(defaults.maxContracts, neededBy(message, context));
  if (maxContractsPerExpiry !== undefined && maxContractsPerExpiry > most) {
    const text = `is ${maxContractsPerExpiry}, above max_contracts, which is ${most}` +
      (maxContracts === undefined
        ? " by default; set it too"
        : "; lower it, or raise max_contracts");
    invalid("max_contracts_per_expiry", text);
  } else if (maxContracts !== undefined && maxContracts >= SELECTION_BOUNDS.maxContracts.min) {
    checkMaximum(message, { ...context, maxContracts });
  }
  checkListed(message.maxExpiries, context);
  // Listed expiries are exactly those that are requested.
  const { maxExpiries = expiries > 0 ? undefined : defaults.maxExpiries } = message;
  return {
    maxContracts: most,
    ...(maxExpiries !== undefined && { maxExpiries }),
    ...(maxContractsPerExpiry !== undefined && { maxContractsPerExpiry }),
  };
}

/** Refuses a maximum that leaves out listed expiries. */
function checkListed(
  maxExpiries: number | undefined,
  { expiries, invalid }: MaximaContext,
): void {
  const { min } = SELECTION_BOUNDS.maxExpiries;
  if (maxExpiries === undefined || maxExpiries < min || maxExpiries >= expiries) return;
  const text = `is ${maxExpiries}, and expiries has ${expiries} that have not passed; ` +
    "list fewer expiries, or leave max_expiries out";
  invalid("max_expiries", text);
}

/** Contracts that the strikes and expiries of a message need, within bounds; 0 without both. */
function neededBy(message: SelectionMessage, { defaults, expiries }: MaximaContext): number {
  const { strikesEachSide, maxContractsPerExpiry = Infinity } = message;
  if (!isStrikes(strikesEachSide) && expiries === 0) return 0;
  // One strike more may equal the price; the nearest two are then on both sides.
  const strikes = isStrikes(strikesEachSide) ? 2 * strikesEachSide + 1 : 2;
  const contracts = strikes * rightsOf(message, defaults);
  const count = Math.min(message.maxExpiries ?? Infinity, expiries || Infinity);
  const needed = Math.min(contracts, maxContractsPerExpiry) * (count === Infinity ? 1 : count);
  return Math.min(needed, SELECTION_BOUNDS.maxContracts.max);
}

/** Refuses what can never be within a maximum. */
function checkMaximum(
  message: SelectionMessage,
  { defaults, expiries, invalid, maxContracts }: MaximaContext & { readonly maxContracts: number },
): void {
  const { strikesEachSide, maxExpiries, maxContractsPerExpiry } = message;
  const { minStrike, maxStrike, minAbsDelta, maxAbsDelta } = message;
  const rights = rightsOf(message, defaults);
  // A range can leave any number of strikes.
  const hasRange = [minStrike, maxStrike, minAbsDelta, maxAbsDelta]
    .some((bound) => bound !== undefined);
  const above = `above max_contracts, which is ${maxContracts}`;
  if (isStrikes(strikesEachSide) && maxContractsPerExpiry === undefined && !hasRange) {
    const contracts = 2 * strikesEachSide * rights;
    if (contracts > maxContracts) {
      const text =
        `is ${strikesEachSide}, which is ${contracts} contracts of one expiry, ${above}` +
        "; lower it, or raise max_contracts";
      invalid("strikes_each_side", text);
    }
  }
  const { min, max } = SELECTION_BOUNDS.maxExpiries;
  if (maxExpiries === undefined || maxExpiries < min || maxExpiries > max) return;
  const least = hasRange ? 1 : Math.min(2 * rights, maxContractsPerExpiry ?? Infinity);
  const contracts = Math.min(maxExpiries, expiries || Infinity) * least;
  if (contracts <= maxContracts) return;
  const remedy = least > 1
    ? "lower it, raise max_contracts, or set max_contracts_per_expiry"
    : "lower it, or raise max_contracts";
  const text = `is ${maxExpiries}, which is at least ${contracts} contracts, ${above}; ${remedy}`;
  invalid("max_expiries", text);
}

function isStrikes(count: number | undefined): count is number {
  const { min, max } = SELECTION_BOUNDS.strikesEachSide;
  return count !== undefined && count >= min && count <= max;
}

/** 2 for calls and puts, 1 for one of both. */
function rightsOf({ right }: SelectionMessage, defaults: MaximaContext["defaults"]): number {
  return right === 0 && defaults.right === undefined ? 2 : 1;
}
