/**
 * A text that cannot be printed by accident.
 *
 * String conversion, JSON, `console.log` and the inspectors of Deno and Node
 * all show `<secret>`. Only {@linkcode Secret.reveal} returns the text, so that
 * a search for `reveal` finds every use of a secret.
 *
 * @module
 */

/** Shown in place of a secret. */
export const SECRET_MARK = "<secret>";

/** Holds a secret text. */
export class Secret {
  readonly #text: string;

  /** Wraps a secret text. */
  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself, for the code that must send it. */
  reveal(): string {
    return this.#text;
  }

  /** Always `<secret>`. */
  toString(): string {
    return SECRET_MARK;
  }

  /** Always `<secret>`. */
  toJSON(): string {
    return SECRET_MARK;
  }

  /** Always `<secret>`. */
  [Symbol.toPrimitive](): string {
    return SECRET_MARK;
  }

  /** Always `<secret>`, in `Deno.inspect` and `console.log`. */
  [Symbol.for("Deno.customInspect")](): string {
    return SECRET_MARK;
  }

  /** Always `<secret>`, in `node:util` `inspect`. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return SECRET_MARK;
  }
}
