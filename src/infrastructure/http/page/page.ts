/**
 * The content of the status page: texts, tones and paths by name.
 *
 * It is computed once for all viewers. The document binds elements to names
 * (`data-text`, `data-tone`, …): the server fills them when it renders, the
 * script with each new page.
 *
 * @module
 */

/** Severity of a value; never shown by colour alone. */
export type Tone = "good" | "warn" | "bad" | "off" | "plain";

/** One row of a table. */
export interface Row {
  /** Texts of the cells, in the order of the table's columns. */
  readonly cells: readonly string[];
  readonly tone: Tone;
}

/** Tables with a varying number of rows. */
export type TableName =
  | "streams"
  | "subscriptions"
  | "expansions"
  | "errors";

/** The content of the page at one moment. */
export interface Page {
  /** The document's title. */
  readonly title: string;
  /** Contents of the elements with this `data-text`. */
  readonly text: Readonly<Record<string, string>>;
  /** `data-tone-is` of the elements with this `data-tone`. */
  readonly tone: Readonly<Record<string, Tone>>;
  /** Whether the elements with this `data-show` are visible. */
  readonly show: Readonly<Record<string, boolean>>;
  /** Path data of the `<path data-draw>` with this name. */
  readonly draw: Readonly<Record<string, string>>;
  /** The next value of the chart with this name; null when unknown. */
  readonly rate: Readonly<Record<string, number | null>>;
  readonly rows: Readonly<Record<TableName, readonly Row[]>>;
  /** States by subject; a change is announced to screen readers. */
  readonly states: Readonly<Record<string, string>>;
}

/** A page while it is built. */
export interface Draft {
  readonly text: Record<string, string>;
  readonly tone: Record<string, Tone>;
  readonly show: Record<string, boolean>;
  readonly draw: Record<string, string>;
  readonly rate: Record<string, number | null>;
  readonly states: Record<string, string>;
}

/** An empty draft. */
export function emptyDraft(): Draft {
  return { text: {}, tone: {}, show: {}, draw: {}, rate: {}, states: {} };
}
