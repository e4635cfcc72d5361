/**
 * The entry point of the program: installs the signal handlers, then loads
 * everything else.
 *
 * `mod.ts` runs the same program, but its handlers are installed only after the
 * whole module graph is loaded.
 *
 * @module
 */
import { listenForStop } from "./stop_signals.ts";

const signals = listenForStop();
const [{ main }, { startProxy }] = await Promise.all([
  import("./main.ts"),
  import("./run_proxy.ts"),
]);
await signals.noted();
await main(startProxy, signals);
