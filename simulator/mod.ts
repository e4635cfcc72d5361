/**
 * A local Alpaca for tests: market-data streams, trade updates and the REST
 * endpoints around them, on one port, from a seeded market.
 *
 * ```ts
 * import { startSimulator } from "@alpaca-stream-proxy/simulator";
 *
 * await using simulator = await startSimulator({ messagesPerSecond: 0 });
 * simulator.emit("sip", [{ T: "q", S: "AAPL", bp: 1, ap: 2, t: "…" }]);
 * simulator.faults.rejectUpgrades("sip", 429, 2);
 * simulator.connections.drop({ endpoint: "opra" });
 * ```
 *
 * @module
 */
export { ManualClock } from "./src/clock.ts";
export { formatOptionSymbol } from "./src/market/option_symbol.ts";
export { DEMO_ACCOUNT, type SimulatorOptions } from "./src/options.ts";
export type { Account, OptionContract, PlanName } from "./src/ports.ts";
export { SeededRandom } from "./src/random.ts";
export type { LoggedRequest } from "./src/session/request_log.ts";
export { type Simulator, startSimulator } from "./src/simulator.ts";
