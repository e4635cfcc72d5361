/**
 * Runs the simulator; faults are injected through its control API.
 *
 * @module
 */
import { answerCommands } from "../../../bench/control.ts";
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "@alpaca-stream-proxy/simulator";

let simulator: Simulator | undefined;

await answerCommands({
  async start(options: SimulatorOptions) {
    simulator = await startSimulator(options);
    const { market } = simulator;
    return {
      url: simulator.url,
      environment: simulator.environment(),
      stocks: market.stockSymbols(),
    };
  },
});
