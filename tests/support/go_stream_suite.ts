/**
 * The stream tests of Alpaca's Go SDK, run against servers: in a copy of the module whose simulated
 * connection is replaced by one to a server.
 *
 * @module
 */
import { runProgram } from "../../scripts/delivery/run_program.ts";

const FOLDER = new URL("../../simulator/tests/integration/alpaca_go/", import.meta.url).pathname;
const MODULE = "github.com/alpacahq/alpaca-trade-api-go/v3";
const PACKAGE = "marketdata/stream";

/**
 * Symbols of tests for which a server sends nothing, and those that take their place: tests send
 * messages of another symbol than they subscribe to, or of contracts that expired years ago.
 */
const SYMBOLS = [
  ['quotes <- q }, "ALPCA"', 'quotes <- q }, "ALPACA"'],
  ['Symbol:     "ECH/USD"', 'Symbol:     "BCH/USD"'],
  ['"d",\n\t\t\tSymbol:     "LTC/USD"', '"d",\n\t\t\tSymbol:     "BCH/USD"'],
  ['"SPXW240308P05120000"', '"SPXW991218P05120000"'],
  ['"SPXW240308P05075000"', '"SPXW991218P05075000"'],
] as const;

/** Where the tests connect. */
export interface SuiteTarget {
  /** Base URL of the streams, `ws:`. */
  readonly url: string;
  /** Base URL of the simulator. */
  readonly control: string;
  readonly key: string;
  readonly secret: string;
}

/** A copy of the SDK. */
export class GoStreamSuite implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Copies the module and replaces the connection. */
  static async prepare(): Promise<GoStreamSuite> {
    const list = ["list", "-m", "-f", "{{.Dir}}", MODULE];
    const { stdout } = await runProgram("go", list, { cwd: FOLDER });
    const folder = await Deno.makeTempDir({ prefix: "go-stream-suite-" });
    await runProgram("cp", ["-r", "--no-preserve=mode", `${stdout.trim()}/.`, folder]);
    const tests = `${folder}/${PACKAGE}`;
    await Deno.copyFile(`${FOLDER}suite/conn_test.go.txt`, `${tests}/conn_test.go`);
    let text = await Deno.readTextFile(`${tests}/client_test.go`);
    for (const [found, replacement] of SYMBOLS) {
      if (!text.includes(found)) throw new Error(`The tests of the SDK have no ${found}`);
      text = text.replace(found, replacement);
    }
    await Deno.writeTextFile(`${tests}/client_test.go`, text);
    return new GoStreamSuite(folder);
  }

  /** Runs tests; returns which of them passed. */
  async run(tests: readonly string[], target: SuiteTarget): Promise<Map<string, boolean>> {
    const run = `^(${tests.join("|")})$`;
    const args = ["test", "-json", "-count=1", "-timeout=60s", "-run", run, `./${PACKAGE}`];
    const { stdout } = await runProgram("go", args, {
      cwd: this.#folder,
      seconds: 120,
      accept: [0, 1],
      env: {
        STREAM_SUITE_URL: target.url,
        STREAM_SUITE_CONTROL: target.control,
        APCA_API_KEY_ID: target.key,
        APCA_API_SECRET_KEY: target.secret,
      },
    });
    const results = new Map<string, boolean>();
    for (const line of stdout.split("\n")) {
      if (!line.startsWith("{")) continue;
      const { Action, Test } = JSON.parse(line) as { Action: string; Test?: string };
      if (Test === undefined || Test.includes("/")) continue;
      if (Action === "pass" || Action === "fail") results.set(Test, Action === "pass");
    }
    return results;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}
