/**
 * Runs the simulator, trades, and watches how many sessions are open at a time.
 *
 * @module
 */
import { answerCommands } from "../../../bench/control.ts";
import { trade } from "../../../tests/integration/process/order_trading.ts";
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "@alpaca-stream-proxy/simulator";
import type { SessionChange } from "../sessions.ts";

/** Ms between two looks at the sessions. */
const WATCH_MS = 2;

let simulator: Simulator | undefined;
let isTrading = false;
const changes: SessionChange[] = [];
const last = new Map<string, SessionChange>();

/** Records the endpoints whose number of connections or sessions has changed. */
function watch({ connections }: Simulator): void {
  const counts = new Map<string, { connections: number; sessions: number }>();
  for (const endpoint of last.keys()) counts.set(endpoint, { connections: 0, sessions: 0 });
  for (const { endpoint, session, trading } of connections.select()) {
    const count = counts.get(endpoint) ?? { connections: 0, sessions: 0 };
    count.connections++;
    if ((session ?? trading)?.account !== undefined) count.sessions++;
    counts.set(endpoint, count);
  }
  for (const [endpoint, count] of counts) {
    const before = last.get(endpoint);
    const isSame = before?.connections === count.connections && before.sessions === count.sessions;
    if (isSame) continue;
    const change = { endpoint, at: Date.now(), ...count };
    last.set(endpoint, change);
    changes.push(change);
  }
}

/** Trades until it is stopped. */
async function tradeOn(market: Simulator, pauseMs: number): Promise<void> {
  while (isTrading) {
    await trade(market);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

let trading: Promise<void> = Promise.resolve();

await answerCommands({
  async start(options: SimulatorOptions) {
    const started = simulator = await startSimulator(options);
    setInterval(() => watch(started), WATCH_MS);
    return {
      url: started.url,
      environment: started.environment(),
      stocks: started.market.stockSymbols(),
    };
  },
  trade({ pauseMs }: { readonly pauseMs: number }): void {
    isTrading = true;
    if (simulator) trading = tradeOn(simulator, pauseMs);
  },
  async stopTrading(): Promise<void> {
    isTrading = false;
    await trading;
  },
  sessions: () => changes,
});
