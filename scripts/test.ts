/**
 * Runs the tests, lists the skipped ones with their reasons, and ends with the
 * line `N passed, N failed, N skipped`. Steps of tests count as tests.
 *
 * A test that needs a missing tool is ignored, and its name ends with
 * `(skipped: reason)`.
 *
 * Arguments are passed to `deno test`; the exit code is that of `deno test`.
 *
 * @module
 */

/** The result of a run. */
interface TestReport {
  readonly passed: number;
  readonly failed: number;
  /** Names of skipped tests by reason. */
  readonly skipped: ReadonlyMap<string, readonly string[]>;
}

/** Reads a JUnit report. */
export function readReport(junit: string): TestReport {
  let passed = 0;
  let failed = 0;
  const skipped = new Map<string, string[]>();
  const cases = /<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  for (const [, name = "", body = ""] of junit.matchAll(cases)) {
    if (body.includes("<failure") || body.includes("<error")) failed++;
    else if (!body.includes("<skipped")) passed++;
    else {
      const [, test = "", reason = "no reason given"] =
        /^(.*?)(?: \(skipped: (.*)\))?$/.exec(unescape(name)) ?? [];
      skipped.set(reason, [...skipped.get(reason) ?? [], test]);
    }
  }
  return { passed, failed, skipped };
}

/** Formats skipped tests and totals. */
export function formatReport({ passed, failed, skipped }: TestReport): string {
  const lines = [...skipped].flatMap(([reason, tests]) => [
    `  ${reason}:`,
    ...tests.map((test) => `    ${test}`),
  ]);
  const list = lines.length === 0 ? [] : ["Skipped:", ...lines, ""];
  const count = [...skipped.values()].flat().length;
  const total = `${passed} passed, ${failed} failed, ${count} skipped`;
  return [...list, total, ""].join("\n");
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
    const text = formatReport(readReport(await Deno.readTextFile(report)));
    Deno.stdout.writeSync(new TextEncoder().encode(text));
    return code;
  } finally {
    await Deno.remove(report);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
