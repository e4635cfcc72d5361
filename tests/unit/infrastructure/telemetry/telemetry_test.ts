import assert from "node:assert/strict";
import { parseEnv } from "node:util";
import manifest from "../../../../deno.json" with { type: "json" };
import { SETTINGS } from "../../../../src/infrastructure/config/settings.ts";
import { consoleRole, otelMismatch } from "../../../../src/infrastructure/telemetry/otel_switch.ts";
import { createTracing, noTracing } from "../../../../src/infrastructure/telemetry/tracing.ts";

Deno.test("a mismatch between setting and runtime is reported, either way", () => {
  const mismatch = (wanted: boolean, otelDeno: string | undefined) =>
    otelMismatch({ wanted, otelDeno });
  assert.equal(mismatch(true, "true"), undefined);
  assert.equal(mismatch(false, "false"), undefined);
  assert.equal(mismatch(false, undefined), undefined);
  assert.match(mismatch(true, undefined) ?? "", /without OTEL_DENO=true/);
  assert.match(mismatch(true, "false") ?? "", /without OTEL_DENO=true/);
  assert.match(mismatch(true, "1") ?? "", /OTEL_DENO=1.*Set OTEL_DENO=true/);
  assert.match(mismatch(false, "true") ?? "", /Unset OTEL_DENO/);
});

Deno.test("what console does depends on both of the runtime's switches", () => {
  const role = (otelDeno?: string, otelDenoConsole?: string) =>
    consoleRole({ otelDeno, otelDenoConsole });
  assert.equal(role(), "prints");
  assert.equal(role("false", "replace"), "prints");
  assert.equal(role("true", "ignore"), "prints");
  assert.equal(role("true", "replace"), "exports");
  assert.equal(role("true"), "prints and exports");
  assert.equal(role("true", "capture"), "prints and exports");
});

Deno.test("spans can be used and misused without telemetry", () => {
  for (const tracing of [createTracing(), noTracing]) {
    const span = tracing.span("feed.session", { feed: "sip" });
    span.event("connected");
    span.set({ attempt: 1 });
    span.fail("not an Error");
    span.end();
    span.end();
  }
});

Deno.test("telemetry.env agrees with the settings and the manifest", async () => {
  const text = await Deno.readTextFile(new URL("../../../../telemetry.env", import.meta.url));
  const file = parseEnv(text);
  assert.equal(file.OTEL_ENABLED, SETTINGS.OTEL_ENABLED.default);
  assert.equal(file.CREAM_ENV, SETTINGS.CREAM_ENV.default);
  assert.equal(file.OTEL_DENO, "${OTEL_ENABLED}");
  assert.equal(file.OTEL_DENO_CONSOLE, "replace");
  assert.ok(file.OTEL_RESOURCE_ATTRIBUTES?.includes(`service.version=${manifest.version},`));
});
