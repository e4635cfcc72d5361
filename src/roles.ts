/**
 * Starts what the role of the process is.
 *
 * @module
 */
import type { Dependencies } from "./dependencies.ts";
import { startHub } from "./hub.ts";
import type { Config } from "./infrastructure/config/config.ts";
import type { Runnable } from "./main.ts";
import { startProxy } from "./proxy.ts";

/** Starts a hub, or a process that serves clients. */
export function startRole(config: Config, overrides: Partial<Dependencies>): Promise<Runnable> {
  return config.cluster.role === "hub"
    ? startHub(config, overrides)
    : startProxy(config, overrides);
}
