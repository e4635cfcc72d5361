/**
 * What the status page shows, as texts and shapes by name.
 *
 * All wording and arithmetic happens where the screen is made, once for all
 * viewers. The page binds elements to names (`data-text`, `data-tone`, …): the
 * server fills them when it renders, the script whenever a new screen comes.
 *
 * @module
 */

/** How something stands; never told by colour alone. */
export type Tone = "good" | "warn" | "bad" | "off" | "plain";

/** One line of a table. */
export interface Line {
  /** Texts of the cells, in the order of the table's columns. */
  readonly cells: readonly string[];
  readonly tone: Tone;
}

/** The tables whose lines come and go. */
export type TableName =
  | "streams"
  | "subscriptions"
  | "expansions"
  | "errors";

/** One moment of the page. */
export interface Screen {
  /** The document's title. */
  readonly title: string;
  /** Contents of the elements with this `data-text`. */
  readonly text: Readonly<Record<string, string>>;
  /** `data-tone-is` of the elements with this `data-tone`. */
  readonly tone: Readonly<Record<string, Tone>>;
  /** Whether the elements with this `data-show` are seen. */
  readonly show: Readonly<Record<string, boolean>>;
  /** Path data of the `<path data-draw>` with this name. */
  readonly draw: Readonly<Record<string, string>>;
  /** The next value of the chart with this name; null when unknown. */
  readonly rate: Readonly<Record<string, number | null>>;
  readonly lines: Readonly<Record<TableName, readonly Line[]>>;
  /** What stands how, in words: a change of one is announced. */
  readonly states: Readonly<Record<string, string>>;
}

/** A screen while it is put together. */
export interface Draft {
  readonly text: Record<string, string>;
  readonly tone: Record<string, Tone>;
  readonly show: Record<string, boolean>;
  readonly draw: Record<string, string>;
  readonly rate: Record<string, number | null>;
  readonly states: Record<string, string>;
}

/** A draft with nothing on it. */
export function emptyDraft(): Draft {
  return { text: {}, tone: {}, show: {}, draw: {}, rate: {}, states: {} };
}
