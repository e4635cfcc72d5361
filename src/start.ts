/**
 * The entry point: installs the signal handlers, then loads the program.
 *
 * With an argument, which asks for a text or checks the settings, only what that needs is loaded.
 * Otherwise everything is loaded together, before anything can end the process: Deno 2.9.6 crashes
 * (SIGSEGV) when it exits while it loads modules.
 *
 * `mod.ts` runs the same program, but its handlers are installed only after the
 * whole module graph is loaded.
 *
 * @module
 */
import { listenForStop } from "./stop_signals.ts";

const signals = listenForStop();
const isRun = Deno.args.length === 0;
const [{ main }] = await Promise.all([
  import("./main.ts"),
  ...(isRun ? [import("./run.ts"), import("./composition/roles.ts")] : []),
]);
if (isRun) await signals.delivered();
await main(
  async (...started) => {
    const { startRole } = await import("./composition/roles.ts");
    return await startRole(...started);
  },
  { signals },
);
