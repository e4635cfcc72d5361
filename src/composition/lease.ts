/**
 * Makes the lease that hubs compete for, in NATS.
 *
 * @module
 */
import type { Clock } from "../application/ports/clock.ts";
import type { Lease } from "../application/ports/lease.ts";
import type { Log } from "../application/ports/log.ts";
import type { ProxyCounters } from "../application/status/counters.ts";
import type { Config } from "../infrastructure/config/config.ts";
import type { KvLease } from "../infrastructure/nats/kv_lease.ts";
import { natsAccess } from "./nats.ts";

/** Makes the lease; NATS is connected in the background, until `resources` is disposed. */
export async function openLease(
  config: Config,
  { clock, log, counters }: {
    readonly clock: Clock;
    readonly log: Log;
    readonly counters: Pick<ProxyCounters, "nats">;
  },
  resources: AsyncDisposableStack,
): Promise<Lease> {
  const { nats: { prefix, replicas }, cluster: { leaseMs } } = config;
  const access = natsAccess(config);
  if (!access) throw new Error("A hub needs servers of NATS");
  const [clients, leases] = await Promise.all([
    import("../infrastructure/nats/nats_client.ts"),
    import("../infrastructure/nats/kv_lease.ts"),
  ]);
  const client = resources.use(
    new clients.NatsClient({
      name: "alpaca-stream-proxy lease",
      access,
      clock,
      log,
      shown: { in: counters.nats, as: "lease" },
    }),
  );
  const lease: KvLease = new leases.KvLease({
    client,
    bucket: `${prefix.replaceAll(".", "_").toUpperCase()}_LEASE`,
    key: "hub",
    holder: crypto.randomUUID(),
    ttlMs: leaseMs,
    replicas,
    clock,
    log,
  });
  return lease;
}
