/**
 * The life of a feed's link as a pure function.
 *
 * ```text
 * disconnected --connect--> connecting --opened--> authenticating
 * authenticating --accepted--> connected
 * authenticating --rejected--> error
 * connecting, authenticating, connected --lost--> reconnecting
 * reconnecting --delay_elapsed--> connecting
 * reconnecting --exhausted--> error (for good)
 * error --retry--> reconnecting
 * anything --shutdown--> disconnected
 * ```
 *
 * `lost` while connecting or authenticating is a dial that failed or a socket
 * that closed before it answered. An event that does not apply changes nothing.
 *
 * @module
 */

/** Where a link stands, with only the data that is true there. */
export type Link =
  | { readonly at: "disconnected" }
  | { readonly at: "connecting" | "authenticating"; readonly attempt: number }
  | { readonly at: "connected" }
  | {
    readonly at: "reconnecting";
    readonly attempt: number;
    readonly reason: string;
  }
  | {
    readonly at: "error";
    readonly attempt: number;
    readonly reason: string;
    /** True when no retry will follow. */
    readonly final: boolean;
  };

/** What can happen to a link. */
export type LinkEvent =
  | { readonly type: "connect" | "opened" | "accepted" }
  | { readonly type: "delay_elapsed" | "retry" | "shutdown" }
  | {
    readonly type: "rejected" | "lost" | "exhausted";
    readonly reason: string;
  };

/** A link before its first connection. */
export const DISCONNECTED: Link = { at: "disconnected" };

/** Connection attempts since the link was last connected; 0 while it is. */
export function attemptsOf(link: Link): number {
  return "attempt" in link ? link.attempt : 0;
}

/** Where a link goes next; an event that does not apply returns the same link. */
export function advance(link: Link, event: LinkEvent): Link {
  switch (event.type) {
    case "shutdown":
      return link.at === "disconnected" ? link : DISCONNECTED;
    case "connect":
      return link.at === "disconnected"
        ? { at: "connecting", attempt: 0 }
        : link;
    case "opened":
      return link.at === "connecting"
        ? { ...link, at: "authenticating" }
        : link;
    case "accepted":
      return link.at === "authenticating" ? { at: "connected" } : link;
    case "rejected":
      return link.at === "authenticating"
        ? {
          at: "error",
          attempt: link.attempt,
          reason: event.reason,
          final: false,
        }
        : link;
    case "lost":
      return isOpenOrOpening(link)
        ? {
          at: "reconnecting",
          attempt: attemptsOf(link),
          reason: event.reason,
        }
        : link;
    case "delay_elapsed":
      return link.at === "reconnecting"
        ? { at: "connecting", attempt: link.attempt + 1 }
        : link;
    case "exhausted":
      return link.at === "reconnecting"
        ? {
          at: "error",
          attempt: link.attempt,
          reason: event.reason,
          final: true,
        }
        : link;
    case "retry":
      return link.at === "error" && !link.final
        ? { at: "reconnecting", attempt: link.attempt, reason: link.reason }
        : link;
  }
}

function isOpenOrOpening(link: Link): boolean {
  return link.at === "connecting" || link.at === "authenticating" ||
    link.at === "connected";
}
