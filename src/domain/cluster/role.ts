/**
 * What one process does for the account.
 *
 * @module
 */

/**
 * - `single`: holds the sessions with Alpaca and serves clients; needs no other process
 * - `hub`: holds the sessions while it has the lease, and distributes their frames over NATS
 * - `edge`: serves clients with what the hub distributes, without keys of Alpaca
 */
export type Role = "single" | "hub" | "edge";

/** All roles. */
export const ROLES: readonly Role[] = ["single", "hub", "edge"];
