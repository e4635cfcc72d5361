/**
 * Reads the option selection of a request and fills in the defaults.
 *
 * @module
 */
import type { OptionRight as DomainRight } from "../../domain/options/contract.ts";
import {
  type OptionSelection,
  SELECTION_BOUNDS,
} from "../../domain/options/selection.ts";
import {
  OptionRight,
  type OptionSelection as SelectionMessage,
} from "../../gen/cream/v1/stream_proxy_pb.ts";
import type { RequestValidator } from "./request_validator.ts";

const FIELD = "option_selection";

/** Numeric fields, by their names in the API and in the domain. */
const NUMBERS = [
  { field: "min_days", name: "minDays", bounds: SELECTION_BOUNDS.days },
  { field: "max_days", name: "maxDays", bounds: SELECTION_BOUNDS.days },
  {
    field: "strike_window_percent",
    name: "strikeWindowPercent",
    bounds: SELECTION_BOUNDS.strikeWindowPercent,
  },
  {
    field: "max_contracts",
    name: "maxContracts",
    bounds: SELECTION_BOUNDS.maxContracts,
  },
] as const;

const RIGHTS: ReadonlyMap<OptionRight, DomainRight | undefined> = new Map([
  [OptionRight.UNSPECIFIED, undefined],
  [OptionRight.CALL, "call"],
  [OptionRight.PUT, "put"],
]);

/**
 * Returns the selection, with `defaults` for absent fields; `undefined` without
 * a message. Each invalid field becomes a violation.
 */
export function readSelection(
  message: SelectionMessage | undefined,
  { defaults, validator, underlyings }: {
    readonly defaults: OptionSelection;
    readonly validator: RequestValidator;
    /** Number of underlyings in the request. */
    readonly underlyings: number;
  },
): OptionSelection | undefined {
  if (message === undefined) return undefined;
  if (underlyings === 0) {
    validator.addViolation(
      FIELD,
      "selects contracts of underlyings; set underlyings, or leave it out",
    );
  }
  for (const { field, name, bounds: { min, max } } of NUMBERS) {
    const value = message[name];
    if (value === undefined || (value >= min && value <= max)) continue;
    validator.addViolation(
      `${FIELD}.${field}`,
      `is ${value}; it must be from ${min} to ${max}`,
    );
  }
  if (!RIGHTS.has(message.right)) {
    validator.addViolation(
      `${FIELD}.right`,
      `is ${message.right}; it must be OPTION_RIGHT_CALL, OPTION_RIGHT_PUT or unset`,
    );
  }
  const { minDays = defaults.minDays, maxDays = defaults.maxDays } = message;
  if (minDays > maxDays) {
    addDaysViolation(message, { minDays, maxDays, validator });
  }
  return {
    minDays,
    maxDays,
    strikeWindowPercent: message.strikeWindowPercent ??
      defaults.strikeWindowPercent,
    right: message.right === OptionRight.UNSPECIFIED
      ? defaults.right
      : RIGHTS.get(message.right),
    maxContracts: message.maxContracts ?? defaults.maxContracts,
  };
}

/** Reports the field that the client set; the other one may be a default. */
function addDaysViolation(
  message: SelectionMessage,
  { minDays, maxDays, validator }: {
    readonly minDays: number;
    readonly maxDays: number;
    readonly validator: RequestValidator;
  },
): void {
  if (message.maxDays === undefined) {
    validator.addViolation(
      `${FIELD}.min_days`,
      `is ${minDays}, above max_days, which is ${maxDays} by default; set it too`,
    );
    return;
  }
  const byDefault = message.minDays === undefined
    ? " by default; set it too"
    : "";
  validator.addViolation(
    `${FIELD}.max_days`,
    `is ${maxDays}, below min_days, which is ${minDays}${byDefault}`,
  );
}
