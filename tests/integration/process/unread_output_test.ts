/** A log that is not read: a pager, a stalled collector. */
import assert from "node:assert/strict";
import { denoNeeds, OFFLINE, ROOT, startArguments } from "./child.ts";

const SCRIPT = "tests/integration/process/scripted.ts";
const NOWHERE = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };

for (
  const [SCRIPTED, OTEL_ENABLED] of [["talkative", "false"], ["talkative", "true"], [
    "talkative and repeating",
    "false",
  ]] as const
) {
  Deno.test(`unread stdout blocks nothing: ${SCRIPTED}, OTEL_ENABLED=${OTEL_ENABLED}`, async () => {
    await using process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...startArguments({ script: SCRIPT })],
      cwd: ROOT,
      clearEnv: true,
      env: {
        ...denoNeeds(),
        ...OFFLINE,
        ...NOWHERE,
        OTEL_ENABLED,
        SCRIPTED,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const said = await new Response(firstChunk(process.stderr)).text();
    assert.equal(said, "alive\n");
    process.kill("SIGTERM");
    const { code } = await process.status;
    assert.equal(code, 0);
    const output = await new Response(process.stdout).text();
    assert.ok(output.startsWith('{"ts":'));
  });
}

Deno.test("stdout that is read again reports the number of dropped lines", async () => {
  await using process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...startArguments({ script: SCRIPT })],
    cwd: ROOT,
    clearEnv: true,
    env: { ...denoNeeds(), ...OFFLINE, SCRIPTED: "talkative" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await new Response(firstChunk(process.stderr)).text();
  let text = "";
  let lost: { readonly lines: number } | undefined;
  for await (const chunk of process.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const line = /^.*lines dropped.*$/m.exec(text)?.[0];
    if (line === undefined || lost) continue;
    lost = JSON.parse(line);
    process.kill("SIGTERM");
  }
  assert.equal((await process.status).code, 0);
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  const kept = lines.filter(({ msg }) => msg === "Much ado").length;
  assert.equal(kept + (lost?.lines ?? 0), 2_000 + 1);
});

/** The first chunk of a stream alone. */
function firstChunk(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  return stream.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(chunk);
        controller.terminate();
      },
    }),
  );
}
