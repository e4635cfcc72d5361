/**
 * Starts what the role of the process is.
 *
 * @module
 */
import type { Dependencies } from "./dependencies.ts";
import type { Config } from "../infrastructure/config/config.ts";
import type { Runnable } from "../run.ts";
import { startProxy } from "./proxy.ts";

/** Starts a hub, which is loaded only then, or a process that serves clients. */
export async function startRole(
  config: Config,
  overrides: Partial<Dependencies>,
): Promise<Runnable> {
  if (config.cluster.role !== "hub") return await startProxy(config, overrides);
  const { startHub } = await import("./hub.ts");
  return await startHub(config, overrides);
}
