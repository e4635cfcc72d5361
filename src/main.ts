/**
 * The process: environment in, exit code out.
 *
 * | Exit code | Means |
 * | --- | --- |
 * | 0 | stopped by SIGTERM or SIGINT, everything closed cleanly |
 * | 1 | could not start (a taken port, say), or a part failed for good |
 * | 70 | a defect: an error that nobody caught |
 * | 78 | the settings are wrong; nothing was started |
 * | 130, 143 | a second SIGINT or SIGTERM did not want to wait |
 *
 * Nothing else in the program ends the process or listens for signals, apart
 * from stop_signals.ts, which receives them while the program is loading.
 *
 * @module
 */
import manifest from "../deno.json" with { type: "json" };
import type { Log } from "./application/ports/log.ts";
import type { Tracing } from "./application/ports/tracing.ts";
import { signalCounter } from "./infrastructure/clock/signal_echo.ts";
import { systemClock } from "./infrastructure/clock/system_clock.ts";
import { type Config, secretsOf } from "./infrastructure/config/config.ts";
import { ConfigError } from "./infrastructure/config/config_error.ts";
import { describeSettings } from "./infrastructure/config/describe_settings.ts";
import { explainProblems } from "./infrastructure/config/explain_problems.ts";
import { parseConfig } from "./infrastructure/config/parse_config.ts";
import { readEnvironment } from "./infrastructure/config/read_environment.ts";
import {
  createJsonLog,
  type JsonLog,
} from "./infrastructure/logging/json_log.ts";
import { ProcessOutput } from "./infrastructure/logging/process_output.ts";
import {
  consoleRole,
  otelMismatch,
} from "./infrastructure/telemetry/otel_switch.ts";
import {
  createTracing,
  noTracing,
} from "./infrastructure/telemetry/tracing.ts";
import { listenForStop, type StopSignals } from "./stop_signals.ts";

/** What the process runs. */
export interface Runnable extends AsyncDisposable {
  /** Ports that are open, for the log. */
  readonly ports: {
    readonly grpc: number;
    readonly health: number;
    readonly metrics: number | undefined;
  };
  /** Rejects when a part has failed for good. */
  readonly finished: Promise<void>;
}

/** Starts what the process runs. */
export type Start = (
  config: Config,
  parts: { readonly log: Log; readonly tracing: Tracing },
) => Promise<Runnable>;

/** What the process ends with. */
const EXIT = { ok: 0, failed: 1, defect: 70, config: 78 } as const;

/** Longest that a clean stop may take; orchestrators kill after 30 s. */
const STOP_MS = 25_000;
/** Longest that stopping may take after a defect, when nothing is sure. */
const DEFECT_STOP_MS = 5_000;
/** Longest that the last lines of the log may take to be read. */
const LAST_LINES_MS = 500;

/**
 * Runs the program until a signal stops it, and ends the process.
 *
 * @param signals handlers that are installed already; installed now otherwise
 */
export async function main(
  start: Start,
  signals: StopSignals = listenForStop(),
): Promise<never> {
  const env = readEnvironment();
  const config = readConfig(env);
  const output = new ProcessOutput(
    consoleRole({
      otelDeno: env.OTEL_DENO,
      otelDenoConsole: env.OTEL_DENO_CONSOLE,
    }),
    systemClock,
  );
  const log = openLog(config, output);
  const process = new Process(log, { output, signals });
  greet(config, { log, otelDeno: env.OTEL_DENO });
  const tracing = config.telemetry.enabled ? createTracing() : noTracing;
  return await process.run(() => start(config, { log, tracing }));
}

function readConfig(env: ReturnType<typeof readEnvironment>): Config {
  try {
    return parseConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(explainProblems(error));
    Deno.exit(EXIT.config);
  }
}

function openLog(config: Config, output: ProcessOutput): JsonLog {
  return createJsonLog({
    level: config.logLevel,
    write: output.put,
    clock: systemClock,
    secrets: secretsOf(config).map((secret) => secret.reveal()),
  });
}

/** The first lines of the log: what runs, with which settings, what is odd. */
function greet(
  config: Config,
  { log, otelDeno }: { log: Log; otelDeno: string | undefined },
): void {
  log.info("Starting", {
    version: manifest.version,
    deno: Deno.version.deno,
    settings: describeSettings(config),
  });
  for (const warning of config.warnings) log.warn(warning);
  const mismatch = otelMismatch({ wanted: config.telemetry.enabled, otelDeno });
  if (mismatch !== undefined) log.warn(mismatch);
}

/** One life: started, running, stopping, gone. */
class Process {
  readonly #log: JsonLog;
  readonly #output: ProcessOutput;
  readonly #signals: StopSignals;
  /** Resolved by the first reason to stop: the exit code. */
  readonly #stop = Promise.withResolvers<number>();
  readonly #signal = signalCounter(() => systemClock.monotonic());
  /** A signal has asked for the stop. */
  #isStopping = false;
  #defects = 0;
  #stopWithinMs = STOP_MS;

  constructor(
    log: JsonLog,
    parts: { readonly output: ProcessOutput; readonly signals: StopSignals },
  ) {
    this.#log = log;
    this.#output = parts.output;
    this.#signals = parts.signals;
  }

  async run(start: () => Promise<Runnable>): Promise<never> {
    this.#listen();
    if (this.#isStopping) return await this.#exit(EXIT.ok);
    let proxy: Runnable;
    try {
      proxy = await start();
    } catch (cause) {
      this.#log.error("Cannot start", { cause });
      complain(`alpaca-stream-proxy cannot start: ${messageOf(cause)}.\n`);
      return await this.#exit(EXIT.failed);
    }
    this.#log.info("Started", { ports: proxy.ports });
    proxy.finished.then(
      () => this.#stop.resolve(EXIT.ok),
      (cause) => {
        this.#log.error("A part has failed for good; stopping", { cause });
        this.#stop.resolve(EXIT.failed);
      },
    );
    const reason = await this.#stop.promise;
    const clean = await this.#dispose(proxy);
    if (this.#defects > 0) return await this.#exit(EXIT.defect);
    return await this.#exit(clean ? reason : EXIT.failed);
  }

  #listen(): void {
    const numbers = { SIGINT: 2, SIGTERM: 15 } as const;
    this.#signals.handle((signal) => {
      const which = this.#signal();
      if (which === "echo") return;
      if (which === "second") {
        this.#log.warn("Stopping at once", { signal });
        this.#exit(128 + numbers[signal]);
        return;
      }
      this.#log.info("Stopping; a second signal stops at once", { signal });
      this.#isStopping = true;
      this.#stop.resolve(EXIT.ok);
    });
    globalThis.addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      this.#defect("Unhandled rejection", event.reason);
    });
    globalThis.addEventListener("error", (event) => {
      event.preventDefault();
      this.#defect("Uncaught error", event.error);
    });
  }

  /** Feeds are still closed cleanly if they can be, so that no ghost stays. */
  #defect(message: string, cause: unknown): void {
    this.#log.error(`${message}; stopping`, { cause });
    this.#defects++;
    this.#stopWithinMs = DEFECT_STOP_MS;
    this.#stop.resolve(EXIT.defect);
  }

  /** True when everything was closed in time and without an error. */
  async #dispose(proxy: Runnable): Promise<boolean> {
    const closed = new AbortController();
    const disposal = this.#disposal(proxy);
    const overdue = systemClock.sleep(this.#stopWithinMs, closed.signal)
      .then(() => "overdue" as const);
    const outcome = await Promise.race([disposal, overdue]);
    closed.abort();
    if (outcome === "overdue") {
      this.#log.error("Not stopped in time; leaving what is still open", {
        waitedMs: this.#stopWithinMs,
      });
    }
    return outcome === "clean";
  }

  async #disposal(proxy: Runnable): Promise<"clean" | "failed"> {
    try {
      await proxy[Symbol.asyncDispose]();
      return "clean";
    } catch (cause) {
      this.#log.error("Cannot stop cleanly", { cause });
      return "failed";
    }
  }

  async #exit(code: number): Promise<never> {
    this.#log.info("Stopped", { code });
    this.#log[Symbol.dispose]();
    await Promise.race([
      this.#output.written(),
      systemClock.sleep(LAST_LINES_MS),
    ]);
    Deno.exit(code);
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** For people: plain text on standard error, apart from the log. */
function complain(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
