/**
 * The state machine of a session as a diagram, made by applying every event to
 * every state.
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
  { state: "connecting", attempt: 1 },
  { state: "authenticating", attempt: 1 },
  { state: "connected" },
  { state: "reconnecting", attempt: 1 },
  { state: "error", attempt: 1, final: false },
];

const EVENTS: readonly LinkEvent[] = [
  "connect",
  "opened",
  "accepted",
  "rejected",
  "lost",
  "delay_elapsed",
  "exhausted",
  "retry",
  "shutdown",
];

/** A Mermaid diagram of every edge. */
export function stateDiagram(): string {
  const edges = LINKS.flatMap((from) =>
    EVENTS.map((event) => ({ from, event, to: advance(from, event) }))
  ).filter(({ from, to }) => from.state !== to.state);
  return [
    "```mermaid",
    "stateDiagram-v2",
    "  [*] --> disconnected",
    ...edges.map(({ from, event, to }) =>
      `  ${from.state} --> ${to.state} : ${event}`
    ),
    "```",
  ].join("\n");
}
