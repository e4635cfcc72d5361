/**
 * Takes what `deno task bench --only cluster --markdown` has printed into the documentation: the
 * rows of tables with the same columns, and the inputs of the capacity model.
 *
 * ```sh
 * deno task bench --quick --only cluster --markdown > cluster.txt
 * deno run -A scripts/docs/take_measurements.ts cluster.txt
 * deno fmt docs && deno task docs:generate
 * ```
 *
 * Text that mentions a figure is not changed: the tables that were are printed.
 *
 * @module
 */
import { ROOT } from "./markdown.ts";

/** Where tables and inputs are. */
const DOCUMENTS = ["docs/benchmarks.md", "docs/performance-notes.md"];
const MODEL = "scripts/docs/capacity_model.ts";
const INPUTS_HEAD = "Input|Value";

/** A table in a text: its columns, and its rows as they are written. */
interface Found {
  readonly head: string;
  readonly rows: readonly string[];
  /** Its lines in the text. */
  readonly start: number;
  readonly end: number;
}

function cellsOf(line: string): string[] {
  return line.split("|").slice(1, -1).map((cell) => cell.trim());
}

/** The tables of lines of Markdown, in order. */
export function tablesOf(lines: readonly string[]): Found[] {
  const tables: Found[] = [];
  for (let at = 0; at < lines.length; at++) {
    const start = at;
    while (lines[at]?.startsWith("|")) at++;
    if (at - start < 2) continue;
    tables.push({
      head: cellsOf(lines[start] ?? "").join("|"),
      rows: lines.slice(start + 2, at),
      start,
      end: at,
    });
  }
  return tables;
}

/** Replaces the rows of tables with the same columns; returns how many there were. */
export function replaceTables(
  text: string,
  measured: readonly Found[],
): { readonly text: string; readonly replaced: readonly string[] } {
  const lines = text.split("\n");
  const replaced: string[] = [];
  for (const table of tablesOf(lines).toReversed()) {
    const found = measured.find(({ head }) => head === table.head);
    if (!found) continue;
    lines.splice(table.start + 2, table.rows.length, ...found.rows);
    replaced.push(table.head);
  }
  return { text: lines.join("\n"), replaced: replaced.toReversed() };
}

/** Replaces the values of inputs, and the day. @throws Error when an input is not there */
export function replaceInputs(
  source: string,
  { rows }: Pick<Found, "rows">,
  day: string,
): string {
  let text = source.replace(/(MEASURED = ")[^"]+/, `$1${day}`);
  for (const [name = "", value = ""] of rows.map(cellsOf)) {
    const place = new RegExp(`(  ${name}: \\{\\n    value: )[\\d_.]+`);
    if (!place.test(text)) throw new Error(`No input "${name}" in ${MODEL}`);
    text = text.replace(place, `$1${numberOf(value)}`);
  }
  return text;
}

/** The number of a text such as `31.4 k`. */
function numberOf(text: string): number {
  const [digits = "", unit = ""] = text.split(" ");
  const factor = { k: 1e3, M: 1e6 }[unit] ?? 1;
  return Math.round(Number(digits) * factor * 100) / 100;
}

async function take(path: string): Promise<void> {
  const output = await Deno.readTextFile(path);
  const measured = tablesOf(output.split("\n"));
  for (const document of DOCUMENTS) {
    const url = new URL(document, ROOT);
    const { text, replaced } = replaceTables(await Deno.readTextFile(url), measured);
    await Deno.writeTextFile(url, text);
    for (const head of replaced) print(`${document}: ${head}`);
  }
  const inputs = measured.find(({ head }) => head === INPUTS_HEAD);
  const [day] = /\d{4}-\d\d-\d\d/.exec(output) ?? [];
  if (!inputs || !day) return print("No inputs of the capacity model");
  const url = new URL(MODEL, ROOT);
  await Deno.writeTextFile(url, replaceInputs(await Deno.readTextFile(url), inputs, day));
  print(`${MODEL}: ${inputs.rows.length} inputs`);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  const [path] = Deno.args;
  if (path === undefined) throw new Error("The file with the output of the bench is missing");
  await take(path);
}
