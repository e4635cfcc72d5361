/**
 * The real `main` around parts that misbehave on command, for tests of what
 * the process makes of it. `SCRIPTED` says how.
 *
 * @module
 */
import { main } from "../../../src/main.ts";
import type { Runnable } from "../../../src/run.ts";

const script = Deno.env.get("SCRIPTED");
const failing = Promise.withResolvers<void>();
/** Keeps the event loop busy the way open ports do. */
const alive = setInterval(() => {}, 1_000);

await main((_config, { log }) => {
  if (script === "start fails") {
    return Promise.reject(new Error("Cannot open the thing"));
  }
  if (script === "part fails") {
    setTimeout(() => failing.reject(new Error("the part broke")));
  }
  if (script === "rejection" || script === "rejection, stop hangs") {
    setTimeout(() => void Promise.reject(new Error("uncaught rejection")));
  }
  if (script === "throw") {
    setTimeout(() => {
      throw new Error("thrown in a timer");
    });
  }
  if (script === "secrets") {
    log.warn("Logged KEY-zq81", { cause: new Error("SECRET-zq82") });
  }
  if (script?.startsWith("talkative")) {
    for (let i = 0; i < 2_000; i++) {
      log.info("Much ado", { i, x: "x".repeat(1_000) });
    }
    // The repetitions come due, and are written, after a second.
    const repeats = script.endsWith("repeating") ? 3 : 0;
    for (let i = 0; i < repeats; i++) log.warn("Again", { i });
    const alive = () => Deno.stderr.writeSync(new TextEncoder().encode("alive\n"));
    setTimeout(alive, repeats > 0 ? 1_500 : 0);
  }
  const runnable: Runnable = {
    ports: { grpc: 1, websocket: undefined, health: 2, metrics: undefined },
    finished: failing.promise,
    [Symbol.asyncDispose]: () => {
      log.info("Disposed");
      clearInterval(alive);
      if (script === "stop fails") return Promise.reject(new Error("stuck"));
      if (script?.endsWith("stop hangs")) return new Promise(() => {});
      return Promise.resolve();
    },
  };
  return Promise.resolve(runnable);
});
