/**
 * What the attacks are made against: simulator, option feeder, proxy and the
 * well-behaved client, each in a process of its own.
 *
 * @module
 */
import { Remote } from "../../bench/control.ts";
import { optionSymbol } from "../../bench/feed/symbols.ts";
import { until } from "../../bench/rig.ts";
import { type Account, DEMO_ACCOUNT } from "@alpaca-stream-proxy/simulator";
import { NICE, ProxyProcess, SimulatorProcess } from "../rig/stand.ts";
import type { GoodPlan, GoodReport } from "./good_client.ts";
import { type FeedRates, RATES } from "./rows.ts";

/** Option contracts that tick. */
const CONTRACTS = 900;
/** Of those, the ones that the good client follows. */
const FOLLOWED = 20;
const ORDERS_PER_SECOND = 10;

/** The account of the control, which may not be the proxy's. */
const CONTROL_ACCOUNT: Account = {
  ...DEMO_ACCOUNT,
  key: "CONTROL_KEY",
  secret: "CONTROL_SECRET",
  token: "CONTROL_TOKEN",
};

/** How the range is set up. */
export interface RangeOptions {
  readonly seed: string;
  /** Descriptors that the proxy may have; the system's own limit by default. */
  readonly descriptors?: number | undefined;
}

/** All processes but the attacker. */
export class Range implements AsyncDisposable {
  readonly simulator: SimulatorProcess;
  readonly proxy: ProxyProcess;
  /** All option contracts that tick. */
  readonly options: readonly string[];
  readonly #feeder: Remote;
  readonly #good: Remote;
  readonly #parts: AsyncDisposableStack;

  private constructor(
    made: Pick<Range, "simulator" | "proxy" | "options"> & {
      readonly feeder: Remote;
      readonly good: Remote;
    },
    parts: AsyncDisposableStack,
  ) {
    this.simulator = made.simulator;
    this.proxy = made.proxy;
    this.options = made.options;
    this.#feeder = made.feeder;
    this.#good = made.good;
    this.#parts = parts;
  }

  /** Starts all of it; resolves when the good client gets data. */
  static async start(options: RangeOptions): Promise<Range> {
    await using parts = new AsyncDisposableStack();
    const simulator = parts.use(
      await SimulatorProcess.start({
        seed: options.seed,
        messagesPerSecond: RATES.stocks,
        accounts: [DEMO_ACCOUNT, CONTROL_ACCOUNT],
        trading: { autoTrader: { ordersPerSecond: ORDERS_PER_SECOND } },
      }),
    );
    const feeder = parts.use(
      new Remote("feeder.ts", {
        flags: ["--allow-net=127.0.0.1"],
        under: NICE,
      }),
    );
    const { port } = await feeder.call<{ port: number }>("prepare", {
      format: "msgpack",
      perFrame: 10,
      symbols: CONTRACTS,
    });
    const proxy = parts.use(
      await startProxy(simulator, {
        optionPort: port,
        descriptors: options.descriptors,
      }),
    );
    const good = parts.use(
      new Remote(new URL("./good_client.ts", import.meta.url), {
        flags: ["--allow-net=127.0.0.1"],
      }),
    );
    const range = new Range({
      simulator,
      proxy,
      options: Array.from({ length: CONTRACTS }, (_, i) => optionSymbol(i)),
      feeder,
      good,
    }, parts.move());
    await good.call("follow", range.#plan());
    await range.reopen();
    await feeder.call("start", { rate: RATES.options });
    await until("the good client gets data", async () => {
      const { stockQuotes, optionQuotes } = await range.report();
      return stockQuotes > 0 && optionQuotes > 0;
    });
    return range;
  }

  /** Opens the good client's streams anew. */
  reopen(): Promise<void> {
    return this.#good.call("open", this.#plan());
  }

  /** Forgets what the good client saw. */
  reset(): Promise<void> {
    return this.#good.call("reset");
  }

  /** What the good client saw since. */
  report(): Promise<GoodReport> {
    return this.#good.call("report");
  }

  /** Sets the rates of the feeds. */
  async setRates({ stocks, options }: FeedRates): Promise<void> {
    await this.simulator.control("rate", { messagesPerSecond: stocks });
    await this.#feeder.call("start", { rate: options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }

  #plan(): GoodPlan {
    const { environment, stocks } = this.simulator;
    return {
      grpc: this.proxy.ports.grpc,
      stocks,
      options: this.options.slice(0, FOLLOWED),
      controlUrl: environment.ALPACA_STOCK_STREAM_URL ?? "",
      key: CONTROL_ACCOUNT.key,
      secret: CONTROL_ACCOUNT.secret,
    };
  }
}

function startProxy(
  { environment }: SimulatorProcess,
  { optionPort, descriptors }: {
    readonly optionPort: number;
    readonly descriptors: number | undefined;
  },
): Promise<ProxyProcess> {
  const env = {
    ...environment,
    ALPACA_OPTION_STREAM_URL: `ws://127.0.0.1:${optionPort}/v1beta1/opra`,
  };
  return ProxyProcess.start(env, {
    v8: ["--expose-gc"],
    ...descriptors === undefined ? {} : {
      // The runtime raises its soft limit to the hard one.
      under: ["prlimit", `--nofile=${descriptors}:${descriptors}`],
    },
  });
}
