/**
 * What can be set about the simulated exchange, with every default in one
 * place. Where Alpaca's documents are silent the choice is an option.
 *
 * @module
 */
import type { OrderTimestamps } from "./order_wire.ts";

/** Settings of one order engine. */
export interface EngineOptions {
  /** Announce `pending_new` before `new`, as paper trading may. Default true. */
  readonly pendingNewEvents?: boolean;
  /** Announce `held` for the exits of a bracket or oto. Default true. */
  readonly heldEvents?: boolean;
  /** Announce `pending_cancel` and `pending_replace`. Default false. */
  readonly pendingChangeEvents?: boolean;
  /** Milliseconds from submission to `new`. Default 5. */
  readonly acceptDelayMs?: number;
  /** Milliseconds from a cancel or replace request to its effect. Default 5. */
  readonly changeDelayMs?: number;
  /** Milliseconds between two looks at the market. Default 25. */
  readonly matchIntervalMs?: number;
  /** Chance that a match fills only a part. Default 0.25. */
  readonly partialFillChance?: number;
  /** Chance that a cancel comes too late. Default 0. */
  readonly cancelRejectChance?: number;
  /** Chance that a replacement is refused by the venue. Default 0. */
  readonly replaceRejectChance?: number;
  /** Fill no more at once than the quote shows, or anything. Default `quote`. */
  readonly liquidity?: "quote" | "unlimited";
  /** Trade around the clock or in the regular session. Default `always`. */
  readonly marketHours?: "always" | "regular";
  /** Whether a replacement carries on with the fills. Default true. */
  readonly replacementKeepsFills?: boolean;
  /** Refuse what the account cannot pay (403). Default true. */
  readonly checkBuyingPower?: boolean;
  /** Dollars at the start. Default `1000000`. */
  readonly cash?: string;
  /** How order times are written. Default `utc`. */
  readonly timestamps?: OrderTimestamps;
  /** The word for orders without a class. Default empty. */
  readonly simpleClass?: "" | "simple";
  /** Finished orders and executions to remember. Default 10 000. */
  readonly historyCapacity?: number;
}

/** The options with nothing left open. */
export type EngineSettings = Required<EngineOptions>;

/** Fills in the defaults; throws a `RangeError` for numbers out of range. */
export function engineSettings(options: EngineOptions): EngineSettings {
  const settings: EngineSettings = {
    pendingNewEvents: true,
    heldEvents: true,
    pendingChangeEvents: false,
    acceptDelayMs: 5,
    changeDelayMs: 5,
    matchIntervalMs: 25,
    partialFillChance: 0.25,
    cancelRejectChance: 0,
    replaceRejectChance: 0,
    liquidity: "quote",
    marketHours: "always",
    replacementKeepsFills: true,
    checkBuyingPower: true,
    cash: "1000000",
    timestamps: "utc",
    simpleClass: "",
    historyCapacity: 10_000,
    ...options,
  };
  for (
    const name of [
      "partialFillChance",
      "cancelRejectChance",
      "replaceRejectChance",
    ] as const
  ) {
    const chance = settings[name];
    if (!(chance >= 0 && chance <= 1)) {
      throw new RangeError(`Cannot use ${name} ${chance}: it must be in 0..1`);
    }
  }
  if (!(settings.matchIntervalMs > 0)) {
    throw new RangeError(
      `Cannot use matchIntervalMs ${settings.matchIntervalMs}: it must be above 0`,
    );
  }
  return settings;
}
