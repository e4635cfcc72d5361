/**
 * The life of a session as a diagram, found by trying every event in every
 * state.
 *
 * @module
 */
import {
  advance,
  DISCONNECTED,
  type Link,
  type LinkEvent,
} from "../../src/domain/connection/link.ts";

const LINKS: readonly Link[] = [
  DISCONNECTED,
  { at: "connecting", attempt: 1 },
  { at: "authenticating", attempt: 1 },
  { at: "connected" },
  { at: "reconnecting", attempt: 1, reason: "" },
  { at: "error", attempt: 1, reason: "", final: false },
];

const EVENTS: readonly LinkEvent[] = [
  { type: "connect" },
  { type: "opened" },
  { type: "accepted" },
  { type: "rejected", reason: "" },
  { type: "lost", reason: "" },
  { type: "delay_elapsed" },
  { type: "exhausted", reason: "" },
  { type: "retry" },
  { type: "shutdown" },
];

/** A Mermaid diagram of every edge. */
export function stateDiagram(): string {
  const edges = LINKS.flatMap((from) =>
    EVENTS.map((event) => ({ from, event, to: advance(from, event) }))
  ).filter(({ from, to }) => from.at !== to.at);
  return [
    "```mermaid",
    "stateDiagram-v2",
    "  [*] --> disconnected",
    ...edges.map(({ from, event, to }) =>
      `  ${from.at} --> ${to.at} : ${event.type}`
    ),
    "```",
  ].join("\n");
}
