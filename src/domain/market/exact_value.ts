/**
 * Exact values of fields that an event has rounded.
 *
 * @module
 */

/** The exact value of one field. */
export interface ExactValue {
  /** Name of the field in the message to clients, for example `bid_size`. */
  readonly field: string;
  /** Decimal text with the digits that Alpaca sent. */
  readonly value: string;
}

/** An event of which values may have been rounded. */
export interface WithExactValues {
  /** Absent where nothing was rounded, which is the usual case. */
  readonly exact?: readonly ExactValue[];
}
