/**
 * `deno task simulate`: runs the simulator on a fixed port until it is
 * interrupted, and prints the environment variables to use.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { DEMO_ACCOUNT, type PlanName, type SimulatorOptions, startSimulator } from "./mod.ts";

const HELP = `Simulates Alpaca on one port: streams, orders and REST.

Usage: deno task simulate [options]

  --host <address>        address to listen on (127.0.0.1)
  --port <number>         port to listen on (8760)
  --symbol-rate <number>  quotes and trades per second of each subscribed
                          symbol (100), at most 10000 in total; above that,
                          all symbols slow down evenly
  --rate <number>         total per second, 0 to 200000, which all subscriptions
                          share; with --symbol-rate, the maximum total
  --orders <number>       orders per second of an auto trader, 0 to 1000 (0)
  --seed <text>           seed of the market (alpaca)
  --plan <name>           basic, plus, broker_standard, broker_plus_10000 (plus)
  --bar-seconds <number>  length of a bar (60)
  --universe <number>     number of stocks, up to 11000 (70)
  --news <number>         mean seconds between articles; 0 for none (20)
  --fractional <number>   share of stock sizes with a fraction, 0 to 1 (0)
  --untradable <pattern>  option contracts that are listed as not tradable
  --ledger <number>       entries of the ledger, for tests; 0 records nothing (0)
  --help                  this text
`;

const FLAGS = {
  host: { type: "string", default: "127.0.0.1" },
  port: { type: "string", default: "8760" },
  rate: { type: "string" },
  "symbol-rate": { type: "string" },
  orders: { type: "string", default: "0" },
  seed: { type: "string", default: "alpaca" },
  plan: { type: "string", default: "plus" },
  "bar-seconds": { type: "string", default: "60" },
  universe: { type: "string", default: "70" },
  news: { type: "string", default: "20" },
  fractional: { type: "string", default: "0" },
  untradable: { type: "string" },
  ledger: { type: "string", default: "0" },
  help: { type: "boolean", default: false },
} as const;

/** Parses flags into options, or `help`; throws a RangeError or TypeError. */
export function parseFlags(args: string[]): SimulatorOptions | "help" {
  const { values } = parseArgs({ args, options: FLAGS });
  if (values.help) return "help";
  return {
    hostname: values.host,
    port: toNumber("--port", values.port),
    ...rates(values.rate, values["symbol-rate"]),
    ...trading(toNumber("--orders", values.orders)),
    seed: values.seed,
    // The simulator rejects unknown plans.
    accounts: [{ ...DEMO_ACCOUNT, plan: values.plan as PlanName }],
    barSeconds: toNumber("--bar-seconds", values["bar-seconds"]),
    universeSize: toNumber("--universe", values.universe),
    newsEverySeconds: toNumber("--news", values.news),
    fractionalSizes: { share: toNumber("--fractional", values.fractional) },
    ...untradable(values.untradable),
    ledgerCapacity: toNumber("--ledger", values.ledger),
  };
}

/** A rate per symbol, unless only a total is given. */
function rates(
  total: string | undefined,
  perSymbol: string | undefined,
): Pick<SimulatorOptions, "messagesPerSecond" | "messagesPerSymbol"> {
  const defaultPerSymbol = total === undefined ? "100" : "0";
  return {
    messagesPerSymbol: toNumber("--symbol-rate", perSymbol ?? defaultPerSymbol),
    ...(total !== undefined && { messagesPerSecond: toNumber("--rate", total) }),
  };
}

function untradable(pattern: string | undefined): Pick<SimulatorOptions, "rest"> {
  if (pattern === undefined) return {};
  try {
    return { rest: { untradableContracts: new RegExp(pattern) } };
  } catch {
    throw new RangeError(`--untradable must be a regular expression, received "${pattern}"`);
  }
}

/** An auto trader, so that the trading stream has updates. */
function trading(ordersPerSecond: number): Pick<SimulatorOptions, "trading"> {
  return ordersPerSecond === 0 ? {} : { trading: { autoTrader: { ordersPerSecond } } };
}

function toNumber(flag: string, text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new RangeError(`${flag} must be a number, received "${text}"`);
}

function print(text: string): void {
  process.stdout.write(text);
}

async function simulate(options: SimulatorOptions): Promise<void> {
  const interrupted = Promise.withResolvers<void>();
  const stop = () => interrupted.resolve();
  Deno.addSignalListener("SIGINT", stop);
  Deno.addSignalListener("SIGTERM", stop);
  try {
    await using simulator = await startSimulator(options);
    for (const [name, value] of Object.entries(simulator.environment())) {
      print(`export ${name}=${value}\n`);
    }
    print(
      `\nThe simulator listens on ${simulator.url}. ` +
        `Paste the lines above into another shell, then: deno task start\n` +
        `Control API: ${simulator.url}/_control/sessions. ` +
        `Stop with Ctrl-C.\n`,
    );
    await interrupted.promise;
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
    Deno.removeSignalListener("SIGTERM", stop);
  }
}

/** Runs the command; returns the exit code. */
export async function main(args: string[]): Promise<number> {
  try {
    const options = parseFlags(args);
    if (options === "help") print(HELP);
    else await simulate(options);
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isTaken = "code" in error && error.code === "EADDRINUSE";
    const isUsage = error instanceof RangeError || error instanceof TypeError;
    if (!isTaken && !isUsage) throw error;
    const message = isTaken ? `the port is taken; choose another one with --port` : error.message;
    process.stderr.write(`simulate: ${message}\nTry --help.\n`);
    return isTaken ? 1 : 2;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
