/**
 * The processes of an attack run but for the attacker: simulator, option feeder,
 * proxy and reference client.
 *
 * @module
 */
import { Remote } from "../../bench/control.ts";
import { optionSymbol } from "../../bench/feed/symbols.ts";
import { until } from "../../bench/rig.ts";
import type { Account } from "@alpaca-stream-proxy/simulator";
import { NICE, ProxyProcess, SimulatorProcess } from "../rig/child_processes.ts";
import { policyText, REFERENCE_TOKEN, startIssuer } from "./policy.ts";
import type { ReferencePlan, ReferenceReport } from "./reference_client.ts";
import { type FeedRates, RATES } from "./rows.ts";

/** Option contracts with quotes. */
const CONTRACTS = 900;
/** Contracts that the reference client subscribes to. */
const FOLLOWED = 20;
const ORDERS_PER_SECOND = 10;

const PROXY_ACCOUNT: Account = {
  key: "PROXY_KEY",
  secret: "PROXY_SECRET",
  plan: "plus",
};
/** Account of the control connection: an account has one connection. */
const CONTROL_ACCOUNT: Account = {
  key: "CONTROL_KEY",
  secret: "CONTROL_SECRET",
  plan: "plus",
};

/** How the processes are set up. */
interface TestBedOptions {
  readonly seed: string;
  /** Descriptor limit of the proxy. @default the system's */
  readonly descriptors?: number | undefined;
  /** Whether the proxy has an access policy. @default false */
  readonly identities?: boolean | undefined;
}

/** The processes but for the attacker. */
export class TestBed implements AsyncDisposable {
  readonly simulator: SimulatorProcess;
  readonly proxy: ProxyProcess;
  /** Option contracts with quotes. */
  readonly options: readonly string[];
  /** Where the issuer of JWTs has its keys; `undefined` without a policy. */
  readonly jwksUrl: string | undefined;
  readonly #feeder: Remote;
  readonly #reference: Remote;
  readonly #parts: AsyncDisposableStack;

  private constructor(
    made: Pick<TestBed, "simulator" | "proxy" | "options" | "jwksUrl"> & {
      readonly feeder: Remote;
      readonly reference: Remote;
    },
    parts: AsyncDisposableStack,
  ) {
    this.simulator = made.simulator;
    this.proxy = made.proxy;
    this.options = made.options;
    this.jwksUrl = made.jwksUrl;
    this.#feeder = made.feeder;
    this.#reference = made.reference;
    this.#parts = parts;
  }

  /** Starts the processes; resolves when the reference client receives data. */
  static async start(options: TestBedOptions): Promise<TestBed> {
    await using parts = new AsyncDisposableStack();
    const simulator = parts.use(
      await SimulatorProcess.start({
        seed: options.seed,
        messagesPerSecond: RATES.stocks,
        accounts: [PROXY_ACCOUNT, CONTROL_ACCOUNT],
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
    const issuer = options.identities ? parts.use(await startIssuer()) : undefined;
    const proxy = parts.use(
      await startProxy(simulator, {
        optionPort: port,
        descriptors: options.descriptors,
        env: issuer ? { ALPACA_PLAN: "plus", STREAM_PROXY_ACCESS: policyText(issuer) } : {},
      }),
    );
    const reference = parts.use(
      new Remote(new URL("./reference_client.ts", import.meta.url), {
        flags: ["--allow-net=127.0.0.1"],
      }),
    );
    const testBed = new TestBed({
      simulator,
      proxy,
      options: Array.from({ length: CONTRACTS }, (_, i) => optionSymbol(i)),
      jwksUrl: issuer?.jwksUrl,
      feeder,
      reference,
    }, parts.move());
    await reference.call("follow", testBed.#plan());
    await testBed.reopen();
    await feeder.call("start", { rate: RATES.options });
    await until("the reference client receives data", async () => {
      const { stockQuotes, optionQuotes } = await testBed.report();
      return stockQuotes > 0 && optionQuotes > 0;
    });
    return testBed;
  }

  /** Reopens the streams of the reference client. */
  reopen(): Promise<void> {
    return this.#reference.call("open", this.#plan());
  }

  /** Resets the report of the reference client. */
  reset(): Promise<void> {
    return this.#reference.call("reset");
  }

  /** Reads what the reference client received since the last reset. */
  report(): Promise<ReferenceReport> {
    return this.#reference.call("report");
  }

  /** Sets the rates of the feeds. */
  async setRates({ stocks, options }: FeedRates): Promise<void> {
    await this.simulator.control("rate", { messagesPerSecond: stocks });
    await this.#feeder.call("start", { rate: options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }

  #plan(): ReferencePlan {
    const { environment, stocks } = this.simulator;
    return {
      grpc: this.proxy.ports.grpc,
      stocks,
      options: this.options.slice(0, FOLLOWED),
      controlUrl: environment.ALPACA_STOCK_STREAM_URL ?? "",
      key: CONTROL_ACCOUNT.key,
      secret: CONTROL_ACCOUNT.secret,
      token: this.jwksUrl === undefined ? undefined : REFERENCE_TOKEN,
    };
  }
}

function startProxy(
  { environment }: SimulatorProcess,
  { optionPort, descriptors, env: more }: {
    readonly optionPort: number;
    readonly descriptors: number | undefined;
    readonly env: Readonly<Record<string, string>>;
  },
): Promise<ProxyProcess> {
  const env = {
    ...environment,
    ...more,
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
