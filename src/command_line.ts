/**
 * The arguments of the program.
 *
 * @module
 */
import { parseArgs } from "node:util";
import manifest from "../deno.json" with { type: "json" };
import { isSetting, mostSimilar, settingFor } from "./infrastructure/config/environment.ts";
import { MAIN_SETTINGS } from "./infrastructure/config/settings.ts";

/** What the program does: run the proxy, check the settings, or show a text. */
type Command = "run" | "check" | "help" | "version";

/** Name and version of the program and its runtime. */
export const VERSION = `alpaca-stream-proxy ${manifest.version} (Deno ${Deno.version.deno})`;

/** The command that the arguments select, or an error text. */
export function parseCommandLine(
  args: readonly string[],
): { readonly command: Command } | { readonly error: string } {
  const { tokens } = parseArgs({
    args: [...args],
    options: {
      check: { type: "boolean" },
      help: { type: "boolean", short: "h" },
      version: { type: "boolean" },
    },
    // Not strict: its errors would show values, which may be secrets.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  let command: Command = "run";
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") return { error: explainWord(token.value) };
    const { name, rawName, value } = token;
    if (value !== undefined || !isCommand(name)) return { error: explainFlag(rawName) };
    if (command !== "help") command = name;
  }
  return { command };
}

const COMMAND_FLAGS = ["--check", "--help", "--version"] as const;

function isCommand(name: string): name is Command {
  return name === "check" || name === "help" || name === "version";
}

const ACCEPTED = "the arguments are --check, --help, --version; settings are environment variables";

function explainFlag(flag: string): string {
  const command = mostSimilar(flag, COMMAND_FLAGS);
  if (command === flag) return `Cannot use ${flag}: ${ACCEPTED}; ${flag} takes no value.`;
  const meant = command ?? settingForFlag(flag);
  return `Cannot use ${flag}: ${ACCEPTED}${meant ? `; did you mean ${meant}?` : "."}`;
}

/** Other programs have flags for what is a variable here. */
function settingForFlag(flag: string): string | undefined {
  const name = flag.replace(/^--?/, "").toUpperCase().replaceAll("-", "_");
  const names = ["", "STREAM_PROXY_", "ALPACA_"].map((prefix) => `${prefix}${name}`);
  const meant = names.find(isSetting) ??
    names.map(settingFor).find((setting) => setting !== undefined);
  return meant === undefined || meant.includes("=") ? meant : `${meant}=…`;
}

/** Shows the name of a variable or a plain word, but nothing that may be a secret. */
function explainWord(text: string): string {
  const [, variable] = /^([A-Z][A-Z0-9_]*)=/.exec(text) ?? [];
  if (variable === undefined) {
    return `Cannot use ${/^[a-z]{1,16}$/.test(text) ? text : "an argument"}: ${ACCEPTED}.`;
  }
  return `Cannot use ${variable}=… as an argument: settings are environment variables. ` +
    `Put it before the command, as in ${variable}=… deno task start, or into a file .env.`;
}

/** The text of `--help`. */
export function helpText(): string {
  const rows = MAIN_SETTINGS.map(({ name, default: fallback, whenUnset, description }) => ({
    name,
    text: `${description.replace(/[:;].*/, "").replaceAll("`", "")} (${
      (fallback ?? whenUnset ?? "").replaceAll("`", "")
    })`,
  }));
  const width = Math.max(...rows.map(({ name }) => name.length));
  return `${VERSION}

Holds the only streaming connections that Alpaca allows an account, and serves
them to any number of gRPC clients.

Usage: deno task start [--check | --help | --version]

  --check    Check the settings and exit; opens no port and no session
  --help     Show this text
  --version  Show the versions

Settings are environment variables, or lines of a file .env:

${rows.map(({ name, text }) => `  ${name.padEnd(width)}  ${text}`).join("\n")}

Exit codes: 0 stopped or valid, 1 cannot start, 2 wrong arguments, 78 invalid settings.
docs/configuration.md lists every setting. Without an account: deno task demo
`;
}
