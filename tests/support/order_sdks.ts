/**
 * Alpaca's official SDKs, each in a process of its own, that place, replace, cancel and read
 * orders. Each is a program that reads commands from its input, one JSON object a line, and writes
 * their results the same way.
 *
 * @module
 */
import { findProgram } from "../../scripts/delivery/run_program.ts";
import { build } from "./status_probes.ts";
import { TextLineStream } from "./text_lines.ts";

/** A new order; without a limit price a market order. Numbers are decimal text. */
export interface NewOrder {
  readonly symbol: string;
  readonly side: "buy" | "sell";
  readonly qty: string;
  readonly limitPrice?: string;
}

/** An order as an SDK has read it. */
export interface SdkOrder {
  readonly id: string;
  readonly status: string;
  readonly qty: number;
  readonly filledQty: number;
  /** `undefined` before the first execution. */
  readonly filledAvgPrice: number | undefined;
  /** `undefined` for a market order. */
  readonly limitPrice: number | undefined;
}

/** A kind of SDK; `missing` says why it cannot run here, if so. */
export interface OrderSdkKind {
  readonly name: string;
  readonly missing: string | undefined;
  /** Prepares the program. @param url base of the trading API */
  readonly start: (url: string) => Promise<OrderSdk>;
}

const FOLDER = new URL("../../simulator/tests/integration/", import.meta.url).pathname;
const PYTHON = Deno.env.get("ALPACA_PY_PYTHON") ?? "python3";

/** Every official SDK. */
export async function orderSdks(): Promise<readonly OrderSdkKind[]> {
  return [
    {
      name: "JavaScript",
      missing: undefined,
      start: (url) => started(Deno.execPath(), ["run", "-A", `${FOLDER}sdk_orders.ts`, url]),
    },
    {
      name: "Python",
      missing: await succeeds(PYTHON, ["-c", "import alpaca"])
        ? undefined
        : "no Python with alpaca-py; pip install alpaca-py, or set ALPACA_PY_PYTHON",
      start: (url) => started(PYTHON, [`${FOLDER}sdk_orders.py`, url]),
    },
    { name: "Go", missing: await missingGo(), start: startGo },
  ];
}

/** An SDK that runs. */
export class OrderSdk implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #folder: string | undefined;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #results: ReadableStreamDefaultReader<string>;
  readonly #complaint: Promise<string>;

  /** @param folder removed at the end */
  constructor(program: string, args: readonly string[], folder?: string) {
    this.#folder = folder;
    this.#child = new Deno.Command(program, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#results = this.#child.stdout.pipeThrough(new TextLineStream()).getReader();
    this.#complaint = new Response(this.#child.stderr).text();
  }

  /** Submits an order. */
  async place(order: NewOrder): Promise<SdkOrder> {
    return orderOf(await this.#run({ do: "place", ...order }));
  }

  /** Requests another limit price; returns the order that takes the place of this one. */
  async replace(id: string, limitPrice: string): Promise<SdkOrder> {
    return orderOf(await this.#run({ do: "replace", id, limitPrice }));
  }

  /** Requests to cancel an order. */
  async cancel(id: string): Promise<void> {
    await this.#run({ do: "cancel", id });
  }

  /** Reads an order. */
  async read(id: string): Promise<SdkOrder> {
    return orderOf(await this.#run({ do: "read", id }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {}); // it may have ended already
    await this.#results.cancel();
    await Promise.all([this.#child.status, this.#complaint]);
    if (this.#folder !== undefined) await Deno.remove(this.#folder, { recursive: true });
  }

  async #run(command: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
    const { value } = await this.#results.read();
    if (value === undefined) throw new Error(`The SDK failed: ${await this.#complaint}`);
    return JSON.parse(value);
  }
}

/** The fields that are compared; the SDKs write names and numbers in different ways. */
function orderOf(order: Record<string, unknown>): SdkOrder {
  const number = (value: unknown) =>
    value === undefined || value === null ? undefined : Number(value);
  return {
    id: String(order["id"]),
    status: String(order["status"]),
    qty: Number(order["qty"]),
    filledQty: Number(order["filledQty"] ?? order["filled_qty"]),
    filledAvgPrice: number(order["filledAvgPrice"] ?? order["filled_avg_price"]),
    limitPrice: number(order["limitPrice"] ?? order["limit_price"]),
  };
}

function started(program: string, args: readonly string[]): Promise<OrderSdk> {
  return Promise.resolve(new OrderSdk(program, args));
}

async function startGo(url: string): Promise<OrderSdk> {
  const folder = await Deno.makeTempDir({ prefix: "sdk-orders-" });
  const program = `${folder}/orders`;
  await build(["go", "build", "-mod=readonly", "-o", program, "./orders"], {
    cwd: `${FOLDER}alpaca_go`,
  });
  return new OrderSdk(program, [url], folder);
}

async function missingGo(): Promise<string | undefined> {
  if (findProgram("go") === undefined) return "no go on the PATH";
  const hasModules = await succeeds("go", ["mod", "download"], `${FOLDER}alpaca_go`);
  return hasModules ? undefined : "the modules of the Go SDK cannot be downloaded";
}

async function succeeds(program: string, args: readonly string[], cwd = "."): Promise<boolean> {
  const output = { stdout: "null", stderr: "null" } as const;
  try {
    return (await new Deno.Command(program, { args: [...args], cwd, ...output }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
