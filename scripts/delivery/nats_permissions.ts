/**
 * What hubs and edges may do in NATS: `docs/cluster/nats.conf` has it, and the values of
 * the chart that brings NATS along repeat it.
 *
 * @module
 */

/** Subjects of a user of NATS. */
export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** Users of NATS. */
export const NATS_USERS = ["hub", "edge"] as const;

/** Reads the permissions of a user from a configuration of NATS. */
export function natsPermissions(conf: string, user: string): NatsPermissions {
  const [, part = ""] = conf.split(`user: ${user}\n`);
  const subjects = (action: string) => {
    const [, list = ""] = new RegExp(`${action}: \\[([^\\]]*)\\]`).exec(part) ?? [];
    return [...list.matchAll(/"([^"]+)"/g)].map(([, subject = ""]) => subject);
  };
  return { publish: subjects("publish"), subscribe: subjects("subscribe") };
}

/** The blocks of the values of the chart with NATS, by user. */
export function permissionBlocks(conf: string): Record<string, string> {
  return Object.fromEntries(NATS_USERS.map((user) => {
    const lines = Object.entries(natsPermissions(conf, user)).flatMap(([action, subjects]) => [
      `              ${action}:`,
      ...subjects.map((subject: string) => `                - ${JSON.stringify(subject)}`),
    ]);
    return [user, lines.join("\n")];
  }));
}
