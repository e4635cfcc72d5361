/**
 * How the settings reach NATS.
 *
 * @module
 */
import type { Config } from "../infrastructure/config/config.ts";
import type { NatsAccess } from "../infrastructure/nats/nats_client.ts";

/** How NATS is reached; `undefined` unless the settings name servers. */
export function natsAccess({ nats }: Config): NatsAccess | undefined {
  const { servers, user, ca, certificate, key } = nats;
  if (!servers) return undefined;
  return {
    servers,
    user: user === undefined ? undefined : { name: user, password: nats.password?.reveal() ?? "" },
    token: nats.token?.reveal(),
    credentials: nats.credentials?.reveal(),
    seed: nats.seed?.reveal(),
    tls: ca || certificate ? { ca, certificate, key: key?.reveal() } : undefined,
  };
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
