/**
 * Reads settings out of an environment and collects what is wrong with them.
 *
 * @module
 */
import type { Problem } from "./config_error.ts";
import { SECRET_MARK } from "./secret.ts";
import type { Setting } from "./setting.ts";
import { ALL_SETTINGS } from "./settings.ts";

/** Environment variables by name. */
export type Env = Readonly<Record<string, string | undefined>>;

/** A setting as it was found: which variable carried it, and its text. */
export interface Found {
  readonly variable: string;
  readonly text: string;
}

/** One reading of one environment; problems gather in `problems`. */
export class SettingsReader {
  /** Everything that is wrong so far. */
  readonly problems: Problem[] = [];
  /** Everything that is odd so far. */
  readonly warnings: string[] = [];
  readonly #env: Env;
  readonly #secrets: readonly string[];

  constructor(env: Env) {
    this.#env = env;
    this.#secrets = secretTexts(env);
  }

  /** The setting's text and the variable it came from; undefined when unset. */
  find(setting: Setting<unknown>): Found | undefined {
    for (const variable of [setting.name, ...setting.aliases]) {
      const text = this.#env[variable]?.trim();
      if (text) return { variable, text };
    }
    return undefined;
  }

  /** The setting's value, its fallback's, or undefined when it has neither. */
  optional<T>(setting: Setting<T>): T | undefined {
    const found = this.find(setting) ??
      (setting.fallback === undefined
        ? undefined
        : { variable: setting.name, text: setting.fallback });
    if (found === undefined) return undefined;
    this.#compareAliases(setting, found);
    const reading = setting.kind.read(found.text);
    if ("value" in reading) return reading.value;
    this.refuse(found.variable, {
      received: reading.hide || setting.secret ? undefined : found.text,
      message: reading.refused ?? "is not accepted",
      remedy: `Set it to ${setting.kind.accepts}${
        setting.fallback === undefined
          ? ""
          : `, or unset it for ${setting.fallback}`
      }`,
    });
    return undefined;
  }

  /**
   * The setting's value or its fallback's. After a refusal it is `instead`,
   * which nobody sees, because the problems are thrown in the end.
   */
  value<T>(setting: Setting<T>, instead: T): T {
    return this.optional(setting) ?? instead;
  }

  /** Reports a problem of a variable; secrets in `received` are blotted out. */
  refuse(variable: string, problem: Omit<Problem, "variable">): void {
    this.problems.push({
      variable,
      received: this.#showable(problem.received),
      message: this.#showable(problem.message) ?? "",
      remedy: problem.remedy,
    });
  }

  /** Two names for one thing must not contradict each other in silence. */
  #compareAliases(setting: Setting<unknown>, found: Found): void {
    for (const alias of setting.aliases) {
      const other = this.#env[alias]?.trim();
      if (alias === found.variable || !other || other === found.text) continue;
      if (!setting.secret) {
        this.warnings.push(
          `${alias} is ignored, because ${found.variable} is set as well`,
        );
        continue;
      }
      this.refuse(alias, {
        received: undefined,
        message: `is set and differs from ${found.variable}`,
        remedy: "Keep one of the two",
      });
    }
  }

  /** A value that ended up in the wrong variable may be a key or a secret. */
  #showable(text: string | undefined): string | undefined {
    if (text === undefined) return undefined;
    const clean = this.#secrets.reduce(
      (shown, secret) => shown.replaceAll(secret, SECRET_MARK),
      text,
    );
    return clean.length > 200 ? `${clean.slice(0, 200)}…` : clean;
  }
}

/** Texts of all secret settings that are worth blotting out. */
function secretTexts(env: Env): string[] {
  return ALL_SETTINGS.filter((setting) => setting.secret)
    .flatMap((setting) => [setting.name, ...setting.aliases])
    .map((variable) => env[variable]?.trim() ?? "")
    .filter((text) => text.length >= 4);
}
