/**
 * The entry point: installs the signal handlers, then loads the program.
 *
 * `mod.ts` runs the same program, but its handlers are installed only after the
 * whole module graph is loaded.
 *
 * @module
 */
import { listenForStop } from "./stop_signals.ts";

const signals = listenForStop();
const [{ main }, { startRole }] = await Promise.all([
  import("./main.ts"),
  import("./composition/roles.ts"),
]);
await signals.delivered();
await main(startRole, { signals });
