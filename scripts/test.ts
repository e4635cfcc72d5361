/**
 * Runs all tests, then says which were left out and why.
 *
 * A test that needs a tool which is not there has `left out: reason` in its
 * name and is ignored: this list is where that can be seen.
 *
 * Arguments go to `deno test`; its exit code is that of this program.
 *
 * @module
 */

/** Why tests were left out, with the names of the tests. */
export type LeftOut = ReadonlyMap<string, readonly string[]>;

const NO_REASON = "no reason given";

/** Reads a JUnit report. */
export function leftOut(report: string): LeftOut {
  const found = new Map<string, string[]>();
  const skipped =
    /<testcase name="([^"]*)"[^>]*>(?:(?!<\/testcase>)[\s\S])*?<skipped/g;
  for (const [, escaped = ""] of report.matchAll(skipped)) {
    const name = unescape(escaped);
    const [, test = name, open, rest = NO_REASON] =
      /^(.*?)\s*(\()?left out: (.*)$/.exec(name) ?? [];
    const reason = open === undefined ? rest : rest.replace(/\)$/, "");
    found.set(reason, [...found.get(reason) ?? [], test]);
  }
  return found;
}

/** The list for people; empty when nothing was left out. */
export function describe(reasons: LeftOut): string {
  if (reasons.size === 0) return "";
  const lines = [...reasons].flatMap(([reason, tests]) => [
    `  ${reason}:`,
    ...tests.map((test) => `    ${test}`),
  ]);
  return ["", "Left out:", ...lines, ""].join("\n");
}

function unescape(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"').replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}

async function main(args: readonly string[]): Promise<number> {
  const report = await Deno.makeTempFile({ prefix: "tests-", suffix: ".xml" });
  try {
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [
        "test",
        "--allow-all",
        "--v8-flags=--expose-gc",
        `--junit-path=${report}`,
        ...args,
      ],
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn().status;
    const text = describe(leftOut(await Deno.readTextFile(report)));
    Deno.stdout.writeSync(new TextEncoder().encode(text));
    return code;
  } finally {
    await Deno.remove(report);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
