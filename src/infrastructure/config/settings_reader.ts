/**
 * Reads settings from environment variables and collects what is wrong.
 *
 * @module
 */
import type { Problem } from "./config_error.ts";
import { SECRET_MARK } from "./secret.ts";
import type { Setting } from "./setting.ts";
import { ALL_SETTINGS } from "./settings.ts";

/** Environment variables by name. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Longest value that an error shows, in characters. */
const MAX_SHOWN = 200;

/** Reads one environment; problems are collected in `problems`. */
export class SettingsReader {
  /** Everything that is wrong so far. */
  readonly problems: Problem[] = [];
  /** Everything that is probably a mistake so far. */
  readonly warnings: string[] = [];
  readonly #env: Env;
  readonly #secrets: readonly string[];
  readonly #values = new Map<Setting<unknown>, unknown>();

  constructor(env: Env) {
    this.#env = env;
    this.#secrets = secretTexts(env);
  }

  /** The setting's text and the variable it came from; undefined when unset. */
  find(
    setting: Setting<unknown>,
  ): { readonly variable: string; readonly text: string } | undefined {
    for (const variable of [setting.name, ...setting.aliases]) {
      const text = this.#env[variable]?.trim();
      if (text) return { variable, text };
    }
    return undefined;
  }

  /**
   * The setting's value or its default, as the variable has it (not scaled);
   * undefined when it has neither, or its text is invalid: then the problem is
   * recorded, once.
   */
  value<T>(setting: Setting<T>): T | undefined {
    if (!this.#values.has(setting)) {
      this.#values.set(setting, this.#parse(setting));
    }
    return this.#values.get(setting) as T | undefined;
  }

  /** Records a problem of a variable; secrets in it are redacted. */
  reject(variable: string, problem: Omit<Problem, "variable">): void {
    this.problems.push({
      variable,
      received: this.#redact(problem.received),
      message: this.#redact(problem.message) ?? "",
      remedy: problem.remedy,
    });
  }

  #parse<T>(setting: Setting<T>): T | undefined {
    const found = this.find(setting) ??
      (setting.default === undefined
        ? undefined
        : { variable: setting.name, text: setting.default });
    if (found === undefined) return undefined;
    this.#compareAliases(setting, found);
    const parsed = setting.parser.parse(found.text);
    if ("value" in parsed) return parsed.value;
    this.reject(found.variable, {
      received: parsed.hide || setting.secret ? undefined : found.text,
      message: parsed.reason ?? "is not accepted",
      remedy: `Set it to ${setting.parser.accepts}${
        setting.default === undefined ? "" : `, or unset it for ${setting.default}`
      }`,
    });
    return undefined;
  }

  /** Two names of one setting must not differ unnoticed. */
  #compareAliases(
    setting: Setting<unknown>,
    found: { readonly variable: string; readonly text: string },
  ): void {
    for (const alias of setting.aliases) {
      const other = this.#env[alias]?.trim();
      if (alias === found.variable || !other || other === found.text) continue;
      if (!setting.secret) {
        this.warnings.push(
          `${alias} is ignored, because ${found.variable} is set as well`,
        );
        continue;
      }
      this.reject(alias, {
        received: undefined,
        message: `is set and differs from ${found.variable}`,
        remedy: "Keep one of the two",
      });
    }
  }

  /** The value of one variable may be a secret that belongs in another. */
  #redact(text: string | undefined): string | undefined {
    if (text === undefined) return undefined;
    const clean = this.#secrets.reduce(
      (shown, secret) => shown.replaceAll(secret, SECRET_MARK),
      text,
    );
    return clean.length > MAX_SHOWN ? `${clean.slice(0, MAX_SHOWN)}…` : clean;
  }
}

/** Texts of all secret settings; shorter ones would redact ordinary words. */
function secretTexts(env: Env): string[] {
  return ALL_SETTINGS.filter((setting) => setting.secret)
    .flatMap((setting) => [setting.name, ...setting.aliases])
    .map((variable) => env[variable]?.trim() ?? "")
    .filter((text) => text.length >= 4);
}
