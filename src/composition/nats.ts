/**
 * How the settings reach NATS.
 *
 * @module
 */
import type { Config } from "../infrastructure/config/config.ts";
import type { NatsAccess } from "../infrastructure/nats/nats_client.ts";

/** A part of a subject. */
const TOKEN = /^[A-Za-z0-9_-]+$/;

/**
 * How NATS is reached; `undefined` unless the settings name servers.
 *
 * @param part of the program, which has inboxes of its own: its permissions need not include those
 * of other parts, nor, where edges have users of their own, those of other edges
 */
export function natsAccess(
  { nats, cluster: { role } }: Config,
  part: string = role,
): NatsAccess | undefined {
  const { servers, user, ca, certificate, key, prefix } = nats;
  if (!servers) return undefined;
  const isToken = user !== undefined && TOKEN.test(user);
  return {
    servers,
    inboxes: `_INBOX.${prefix}.${part}${isToken ? `.${user}` : ""}`,
    user: user === undefined ? undefined : { name: user, password: nats.password?.reveal() ?? "" },
    token: nats.token?.reveal(),
    credentials: nats.credentials?.reveal(),
    seed: nats.seed?.reveal(),
    tls: ca || certificate ? { ca, certificate, key: key?.reveal() } : undefined,
  };
}

/** The stream with the retained frames. */
export function frameStream({ nats: { prefix } }: Config): string {
  return `${prefix.replaceAll(".", "_").toUpperCase()}_FRAMES`;
}

/** The stream with the order updates of all accounts, and its subjects. */
export function orderStream({ nats: { prefix }, environment }: Config) {
  return {
    stream: `${prefix.replaceAll(".", "_").toUpperCase()}_ORDERS`,
    subjects: `${prefix}.orders.>`,
    /** The subject of an account; `*` for all. */
    subjectOf: (account: string) => `${prefix}.orders.${environment.toLowerCase()}.${account}`,
  };
}
