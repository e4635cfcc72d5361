/**
 * The tables whose lines come and go.
 *
 * @module
 */
import type { LineTable } from "./bindings.ts";

/** Open client streams. */
export const STREAMS: LineTable = {
  name: "streams",
  caption: "Open client streams, those furthest behind first",
  columns: [
    { title: "Stream", look: "name" },
    { title: "Filter", look: "note", joined: true },
    { title: "Open", look: "number" },
    { title: "Delivered", look: "number" },
    { title: "Waiting", look: "number" },
    { title: "Lost", look: "number loss" },
  ],
};

/** Symbols upstream. */
export const SUBSCRIPTIONS: LineTable = {
  name: "subscriptions",
  caption: "Symbols subscribed upstream, by channel and state",
  columns: [
    { title: "Channel", look: "name" },
    { title: "Note", look: "note", joined: true },
    { title: "Carried", look: "number" },
    { title: "Asked", look: "number" },
    { title: "Waiting", look: "number" },
    { title: "Refused", look: "number" },
    { title: "Leaving", look: "number" },
  ],
};

/** Contracts that were chosen for underlyings. */
export const EXPANSIONS: LineTable = {
  name: "expansions",
  caption: "Option contracts chosen for underlyings",
  columns: [
    { title: "Underlying", look: "name" },
    { title: "Note", look: "note", joined: true },
    { title: "Streams", look: "number" },
    { title: "Contracts", look: "number" },
    { title: "State" },
  ],
};

/** What went wrong. */
export const ERRORS: LineTable = {
  name: "errors",
  caption: "Recent warnings and errors, newest first",
  columns: [
    { title: "When", look: "when" },
    { title: "Where", look: "where" },
    { title: "What", look: "what" },
    { title: "Why", look: "note", joined: true },
    { title: "Times", look: "times", joined: true },
  ],
};
