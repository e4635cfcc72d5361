/**
 * Reads parts of the access policy and collects everything that is wrong with it.
 *
 * @module
 */

/** One thing that is wrong with a part of a value. */
export interface PartProblem {
  /** What is wrong, with the path of the part: "roles.reader.feeds[0] is …". */
  readonly message: string;
  /** What to do about it, as an imperative sentence without a full stop. */
  readonly remedy: string;
}

/** A JSON object. */
type JsonObject = Readonly<Record<string, unknown>>;

/** What a text has to look like. */
export interface TextRule {
  readonly pattern: RegExp;
  /** What is accepted, for messages: "a name of …". */
  readonly accepts: string;
}

/** A key that cannot be a token or another secret: a word, as all known keys are. */
const PLAIN_KEY = /^[a-z][A-Za-z]{0,19}$/;

/** Reads typed parts; a part that is wrong is reported and counts as absent. */
export class PolicyReader {
  readonly problems: PartProblem[] = [];

  /** Adds a problem. Messages have no values, because any of them may be a token. */
  add(path: string, message: string, remedy: string): void {
    this.problems.push({ message: `${path} ${message}`, remedy });
  }

  /** An object with none but these keys. */
  object(path: string, value: unknown, keys: readonly string[]): JsonObject {
    const found = this.map(path, value);
    for (const key of Object.keys(found)) {
      if (keys.includes(key)) continue;
      const shown = PLAIN_KEY.test(key) ? `${path === "" ? "" : `${path}.`}${key}` : path;
      const message = PLAIN_KEY.test(key) ? "is not a known key" : "has an unknown key";
      this.add(shown || "The policy", message, `Use ${keys.join(", ")}`);
    }
    return found;
  }

  /** An object with any keys; an empty one where the value is something else. */
  map(path: string, value: unknown): JsonObject {
    if (value === undefined) return {};
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as JsonObject;
    }
    this.add(path || "The policy", "is not an object", "Write it as {…}");
    return {};
  }

  /** A list; an empty one where the value is something else. */
  list(path: string, value: unknown): readonly unknown[] {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.add(path, "is not a list", "Write it as […]");
    return [];
  }

  /** The texts of a list that match a rule. */
  texts(path: string, value: unknown, rule: TextRule): string[] {
    return this.list(path, value).flatMap((each, i) =>
      this.text(`${path}[${i}]`, each, rule) ?? []
    );
  }

  /** A text that matches a rule. */
  text(path: string, value: unknown, { pattern, accepts }: TextRule): string | undefined {
    if (typeof value === "string" && pattern.test(value)) return value;
    this.add(path, value === undefined ? "is missing" : "is not accepted", `Set it to ${accepts}`);
    return undefined;
  }

  /** `true` or `false`; `false` when it is absent. */
  flag(path: string, value: unknown): boolean {
    if (typeof value === "boolean" || value === undefined) return value ?? false;
    this.add(path, "is neither true nor false", "Set it to true or false, without quotes");
    return false;
  }

  /** A number within bounds; `undefined` when it is absent. */
  number(
    path: string,
    value: unknown,
    { min, max, isWhole = true }: {
      readonly min: number;
      readonly max: number;
      readonly isWhole?: boolean;
    },
  ): number | undefined {
    if (value === undefined) return undefined;
    const isValid = typeof value === "number" && value >= min && value <= max &&
      (!isWhole || Number.isInteger(value));
    if (isValid) return value;
    const kind = isWhole ? "a whole number" : "a number";
    this.add(path, "is not accepted", `Set it to ${kind} from ${min} to ${max}`);
    return undefined;
  }
}
