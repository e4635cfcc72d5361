/**
 * HTML from template literals; every value is escaped.
 *
 * @module
 */

/** Trusted HTML. */
export class Markup {
  readonly text: string;

  /** @param text HTML without unescaped user input */
  constructor(text: string) {
    this.text = text;
  }
}

/** A value in a template: texts are escaped, markup is not. */
type Part = string | number | Markup | readonly Markup[];

/** Makes markup; every value that is not markup is escaped. */
export function html(
  strings: TemplateStringsArray,
  ...parts: readonly Part[]
): Markup {
  return new Markup(
    strings.map((string, index) => {
      const part = parts[index];
      return part === undefined ? string : string + textOf(part);
    }).join(""),
  );
}

function textOf(part: Part): string {
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(({ text }) => text).join("");
  return escape(String(part));
}

const NAMES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => NAMES[character] ?? "");
}
