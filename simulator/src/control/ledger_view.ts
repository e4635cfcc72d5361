/**
 * The ledger as the control API shows it.
 *
 * @module
 */
import type { Delivery, Ledger } from "../ledger.ts";
import type { BodyReader } from "./body_reader.ts";

const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 100_000;

/**
 * The entries of one kind: `produced`, `deliveries` (the default) or
 * `subscriptions`, oldest first. Read on with `after` and the number of the last
 * entry.
 */
export function readLedger(ledger: Ledger, query: BodyReader): unknown {
  if (!ledger.isEnabled) {
    throw new RangeError("the ledger is off; set ledgerCapacity, or --ledger of the command");
  }
  const connection = query.optionalNumber("connection");
  const symbol = query.optionalText("symbol");
  const limit = Math.min(query.number("limit", DEFAULT_LIMIT), MAX_LIMIT);
  const filter = {
    ...query.place(),
    limit,
    ...(connection === undefined ? {} : { connection }),
    ...(symbol === undefined ? {} : { symbol }),
    after: query.number("after", 0),
  };
  const entries = select(ledger, query.text("kind", "deliveries"), filter);
  return {
    entries,
    lastNumber: ledger.lastNumber,
    dropped: ledger.dropped,
  };
}

function select(
  ledger: Ledger,
  kind: string,
  filter: Parameters<Ledger["produced"]>[0],
): readonly object[] {
  switch (kind) {
    case "produced":
      return ledger.produced(filter);
    case "deliveries":
      return ledger.deliveries(filter).map(flat);
    case "subscriptions":
      return ledger.subscriptions(filter);
    default:
      throw new RangeError(
        `kind must be produced, deliveries or subscriptions, received "${kind}"`,
      );
  }
}

/** A delivery with the number of its message instead of a nested entry. */
function flat({ produced, ...delivery }: Delivery): object {
  return {
    ...delivery,
    produced: produced.number,
    channel: produced.channel,
    message: produced.message,
  };
}
