/**
 * Which contracts a request wants of its underlyings: what it says, over the
 * proxy's defaults.
 *
 * @module
 */
import type { OptionRight as RightWord } from "../../domain/options/contract.ts";
import {
  type OptionSelection,
  SELECTION_BOUNDS,
} from "../../domain/options/selection.ts";
import {
  OptionRight,
  type OptionSelection as SelectionMessage,
} from "../../gen/cream/v1/stream_proxy_pb.ts";
import type { RequestReader } from "./request_reader.ts";

const FIELD = "option_selection";

/** The numbers of a selection, as the contract and as the domain call them. */
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

const RIGHTS: ReadonlyMap<OptionRight, RightWord | undefined> = new Map([
  [OptionRight.UNSPECIFIED, undefined],
  [OptionRight.CALL, "call"],
  [OptionRight.PUT, "put"],
]);

/**
 * The given fields over `defaults`; `undefined` when the message is absent.
 * What cannot be used is told to `reader`, field by field.
 */
export function readSelection(
  message: SelectionMessage | undefined,
  { defaults, reader, underlyings }: {
    readonly defaults: OptionSelection;
    readonly reader: RequestReader;
    /** How many underlyings the request names. */
    readonly underlyings: number;
  },
): OptionSelection | undefined {
  if (message === undefined) return undefined;
  if (underlyings === 0) {
    reader.refuse(
      FIELD,
      "chooses contracts of underlyings; name some in underlyings, or leave it out",
    );
  }
  for (const { field, name, bounds: { min, max } } of NUMBERS) {
    const value = message[name];
    if (value === undefined || (value >= min && value <= max)) continue;
    const wrong = `is ${value}; it has to be from ${min} to ${max}`;
    reader.refuse(`${FIELD}.${field}`, wrong);
  }
  if (!RIGHTS.has(message.right)) {
    reader.refuse(
      `${FIELD}.right`,
      `is ${message.right}; it has to be OPTION_RIGHT_CALL, OPTION_RIGHT_PUT or unset`,
    );
  }
  const { minDays = defaults.minDays, maxDays = defaults.maxDays } = message;
  if (minDays > maxDays) refuseDays(message, { minDays, maxDays, reader });
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

/** Names the field that was given; the other one may be a default. */
function refuseDays(
  message: SelectionMessage,
  { minDays, maxDays, reader }: {
    readonly minDays: number;
    readonly maxDays: number;
    readonly reader: RequestReader;
  },
): void {
  const byDefault = (given: number | undefined) =>
    given === undefined ? " by default; set it too" : "";
  if (message.maxDays === undefined) {
    reader.refuse(
      `${FIELD}.min_days`,
      `is ${minDays}, above max_days, which is ${maxDays} by default; set it too`,
    );
    return;
  }
  reader.refuse(
    `${FIELD}.max_days`,
    `is ${maxDays}, below min_days, which is ${minDays}${
      byDefault(message.minDays)
    }`,
  );
}
