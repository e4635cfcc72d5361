/**
 * The state machine of a feed's connection, as a pure function.
 *
 * ```text
 * disconnected --connect--> connecting --opened--> authenticating
 * authenticating --accepted--> connected
 * authenticating --rejected--> error
 * connecting, authenticating, connected --lost--> reconnecting
 * reconnecting --delay_elapsed--> connecting
 * reconnecting --exhausted--> error (final)
 * error --retry--> reconnecting
 * any state --shutdown--> disconnected
 * ```
 *
 * `lost` while connecting or authenticating is a failed dial or a socket that closed before it
 * replied. An event that does not apply changes nothing.
 *
 * @module
 */

/** The state of a link with the data that belongs to it. */
export type Link =
  | { readonly state: "disconnected" | "connected" }
  | {
    readonly state: "connecting" | "authenticating" | "reconnecting";
    readonly attempt: number;
  }
  | {
    readonly state: "error";
    readonly attempt: number;
    /** Whether no retry follows. */
    readonly final: boolean;
  };

/** States of a link, as health, status and metrics spell them. */
export type LinkState = Link["state"];

/** Events that change a link. */
export type LinkEvent =
  | "connect"
  | "opened"
  | "accepted"
  | "rejected"
  | "lost"
  | "delay_elapsed"
  | "exhausted"
  | "retry"
  | "shutdown";

/** A link before its first connection. */
export const DISCONNECTED: Link = { state: "disconnected" };

/** Reconnection attempts since the link was last connected; 0 while it is. */
export function attemptsOf(link: Link): number {
  return "attempt" in link ? link.attempt : 0;
}

/** Returns the next link; the same one when the event does not apply. */
export function advance(link: Link, event: LinkEvent): Link {
  switch (event) {
    case "connect":
      return link.state === "disconnected" ? { state: "connecting", attempt: 0 } : link;
    case "opened":
      return link.state === "connecting" ? { ...link, state: "authenticating" } : link;
    case "accepted":
      return link.state === "authenticating" ? { state: "connected" } : link;
    case "rejected":
      return link.state === "authenticating"
        ? { state: "error", attempt: link.attempt, final: false }
        : link;
    case "lost":
      return isOpenOrOpening(link) ? { state: "reconnecting", attempt: attemptsOf(link) } : link;
    case "delay_elapsed":
      return link.state === "reconnecting"
        ? { state: "connecting", attempt: link.attempt + 1 }
        : link;
    case "exhausted":
      return link.state === "reconnecting"
        ? { state: "error", attempt: link.attempt, final: true }
        : link;
    case "retry":
      return link.state === "error" && !link.final
        ? { state: "reconnecting", attempt: link.attempt }
        : link;
    case "shutdown":
      return link.state === "disconnected" ? link : DISCONNECTED;
  }
}

function isOpenOrOpening(link: Link): boolean {
  return link.state === "connecting" || link.state === "authenticating" ||
    link.state === "connected";
}
