/**
 * Limits on text from upstream. Every real value is far shorter; a longer one is
 * malformed, because an event is kept in every queue that wants it and sent to
 * every client.
 *
 * @module
 */

/** Characters of a symbol; a client request allows as many. OCC symbols have 21. */
export const MAX_SYMBOL_LENGTH = 64;
/** Characters of an exchange, tape, condition or other code; real ones have 1 to 4. */
export const MAX_CODE_LENGTH = 64;
/** Conditions of one message; real ones have at most 4. */
export const MAX_CODES = 32;
/** Characters of any other text, for example the fields of an order. */
export const MAX_TEXT_LENGTH = 1_024;
/** Legs of one order; real ones have at most 4. */
export const MAX_LEGS = 64;
/** Characters of an error message that are kept for the log and the status. */
const MAX_MESSAGE_LENGTH = 256;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * A text cut to 256 characters. The result is a copy: a slice would keep the
 * whole text, up to a frame long, in memory for as long as the slice is kept.
 */
export function shorten(text: string): string {
  if (text.length <= MAX_MESSAGE_LENGTH) return text;
  const start = text.slice(0, MAX_MESSAGE_LENGTH);
  return `${decoder.decode(encoder.encode(start))}…`;
}
