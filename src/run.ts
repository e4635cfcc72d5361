/**
 * Runs the program in this process: reads the settings, starts the parts, waits for a reason to
 * stop, stops them, and ends the process.
 *
 * @module
 */
import manifest from "../deno.json" with { type: "json" };
import { memoryProblems } from "./application/broadcast/memory_needs.ts";
import type { Log, LogControl } from "./application/ports/log.ts";
import type { Tracing } from "./application/ports/tracing.ts";
import { VERSION } from "./command_line.ts";
import { EXIT, exitWith } from "./exit.ts";
import { debounceSignals } from "./infrastructure/clock/debounce_signals.ts";
import { systemClock } from "./infrastructure/clock/system_clock.ts";
import { type Config, secretsOf } from "./infrastructure/config/config.ts";
import { ConfigError, formatErrors } from "./infrastructure/config/config_error.ts";
import { describeSettings, formatSettings } from "./infrastructure/config/describe_settings.ts";
import { type Env, readEnvironment } from "./infrastructure/config/environment.ts";
import { parseConfig } from "./infrastructure/config/parse_config.ts";
import { createJsonLog, type JsonLog } from "./infrastructure/logging/json_log.ts";
import { openOutput, type ProcessOutput } from "./infrastructure/logging/output.ts";
import { heapLimit } from "./infrastructure/metrics/process_metrics.ts";
import { consoleRole, otelMismatch } from "./infrastructure/telemetry/otel_switch.ts";
import { createTracing, noTracing } from "./infrastructure/telemetry/tracing.ts";
import type { StopSignals } from "./stop_signals.ts";

/** The program that the process runs; `finished` rejects when a part has failed permanently. */
export interface Runnable extends AsyncDisposable {
  /** Where it listens, for the log. */
  readonly ports: object;
  readonly finished: Promise<void>;
}

/** Starts the program. */
export type Start = (
  config: Config,
  deps: { readonly log: Log; readonly logControl: LogControl; readonly tracing: Tracing },
) => Promise<Runnable>;

/** Longest clean stop after client streams have ended, in ms. */
const CLOSE_MS = 15_000;
/** Longest stop after a defect, when parts may no longer respond. */
const DEFECT_STOP_MS = 5_000;
/** Longest wait until the last lines of the log are written. */
const LAST_LINES_MS = 500;

/** Shows the settings and warnings, and ends the process. */
export function checkSettings(): never {
  const env = readEnvironment();
  const config = readConfig(env);
  const warnings = [...startWarnings(config, env), ...memoryProblems(config, heapLimit())];
  const lines = warnings.map((warning) => `Warning: ${warning}\n`).join("");
  return exitWith(EXIT.ok, `${formatSettings(config)}\n${lines}The settings are valid.\n`);
}

/** Runs the program until a signal stops it or a part fails, and ends the process. */
export async function runProgram(start: Start, signals: StopSignals): Promise<never> {
  const env = readEnvironment();
  const config = readConfig(env);
  const warnings = startWarnings(config, env);
  const output = openOutput(
    consoleRole({ otelDeno: env.OTEL_DENO, otelDenoConsole: env.OTEL_DENO_CONSOLE }),
    systemClock,
  );
  const log = openLog(config, output);
  const stopMs = config.limits.drainMs + CLOSE_MS;
  const process = new Process(log, { output, signals, stopMs });
  logStartup(config, { log, output });
  for (const warning of warnings) log.warn(warning);
  const tracing = config.telemetry.enabled ? createTracing() : noTracing;
  return await process.run(() => start(config, { log, logControl: log.control, tracing }));
}

function readConfig(env: Env): Config {
  try {
    return parseConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return exitWith(EXIT.config, formatErrors(error));
  }
}

/** Probable mistakes in the settings and in how the runtime was started. */
function startWarnings(config: Config, env: Env): string[] {
  const mismatch = otelMismatch({ wanted: config.telemetry.enabled, otelDeno: env.OTEL_DENO });
  return mismatch === undefined ? [...config.warnings] : [...config.warnings, mismatch];
}

function openLog(config: Config, output: ProcessOutput): JsonLog {
  return createJsonLog({
    level: config.logLevel,
    write: output.put,
    clock: systemClock,
    secrets: secretsOf(config).map((secret) => secret.reveal()),
  });
}

/** Logs the versions and the settings in force; on a terminal the settings are a list. */
function logStartup(
  config: Config,
  { log, output }: { readonly log: Log; readonly output: ProcessOutput },
): void {
  const versions = { version: manifest.version, deno: Deno.version.deno };
  const isLogged = ["trace", "debug", "info"].includes(config.logLevel);
  if (isLogged && Deno.stdout.isTerminal()) {
    output.print(`${VERSION}\n\n${formatSettings(config)}`);
    log.info("Starting", versions);
  } else {
    log.info("Starting", { ...versions, settings: describeSettings(config) });
  }
}

/** Runs the program once: start, wait, stop, exit. */
class Process {
  readonly #log: JsonLog;
  readonly #output: ProcessOutput;
  readonly #signals: StopSignals;
  /** Resolves with the exit code on the first reason to stop. */
  readonly #stop = Promise.withResolvers<number>();
  readonly #classifySignal = debounceSignals(() => systemClock.monotonic());
  /** A signal has requested the stop. */
  #isStopping = false;
  #defects = 0;
  #stopWithinMs: number;

  constructor(
    log: JsonLog,
    parts: {
      readonly output: ProcessOutput;
      readonly signals: StopSignals;
      /** Longest clean stop, in ms. */
      readonly stopMs: number;
    },
  ) {
    this.#stopWithinMs = parts.stopMs;
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
      const text = `alpaca-stream-proxy cannot start: ${messageOf(cause)}.\n`;
      Deno.stderr.writeSync(new TextEncoder().encode(text));
      return await this.#exit(EXIT.failed);
    }
    this.#log.info("Started", { ports: proxy.ports });
    proxy.finished.then(() => this.#stop.resolve(EXIT.ok), (cause) => {
      this.#log.error("A part failed permanently; stopping", { cause });
      this.#stop.resolve(EXIT.failed);
    });
    const reason = await this.#stop.promise;
    const clean = await this.#dispose(proxy);
    if (this.#defects > 0) return await this.#exit(EXIT.defect);
    return await this.#exit(clean ? reason : EXIT.failed);
  }

  #listen(): void {
    const numbers = { SIGINT: 2, SIGTERM: 15 } as const;
    this.#signals.handle((signal) => {
      const kind = this.#classifySignal();
      if (kind === "duplicate") return;
      if (kind === "second") {
        this.#log.warn("Forced exit on a second signal", { signal });
        this.#exit(128 + numbers[signal]);
        return;
      }
      this.#log.info("Stopping; a second signal forces the exit", { signal });
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

  /** Stops; upstream sessions are still closed, so that none stays open at Alpaca. */
  #defect(message: string, cause: unknown): void {
    this.#log.error(`${message}; stopping`, { cause });
    this.#defects++;
    this.#stopWithinMs = DEFECT_STOP_MS;
    this.#stop.resolve(EXIT.defect);
  }

  /** Stops the program; true when everything was closed in time without an error. */
  async #dispose(proxy: Runnable): Promise<boolean> {
    const closed = new AbortController();
    const disposal = proxy[Symbol.asyncDispose]().then(() => true, (cause) => {
      this.#log.error("Cannot stop cleanly", { cause });
      return false;
    });
    const overdue = systemClock.sleep(this.#stopWithinMs, closed.signal).then(() => undefined);
    const clean = await Promise.race([disposal, overdue]);
    closed.abort();
    if (clean === undefined) {
      this.#log.error("Not stopped in time; exiting with open connections", {
        waitedMs: this.#stopWithinMs,
      });
    }
    return clean === true;
  }

  async #exit(code: number): Promise<never> {
    this.#log.info("Stopped", { code });
    this.#log[Symbol.dispose]();
    await Promise.race([this.#output.written(), systemClock.sleep(LAST_LINES_MS)]);
    Deno.exit(code);
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
