import assert from "node:assert/strict";
import {
  describeSettings,
  parseConfig,
} from "../../../../src/infrastructure/config/parse_config.ts";
import { ALL_SETTINGS, SECTIONS } from "../../../../src/infrastructure/config/settings.ts";
import { settingsTable } from "../../../../scripts/docs/tables.ts";

const ENV = {
  ALPACA_KEY: "KEY-1234",
  ALPACA_SECRET: "SECRET-1234",
  ALPACA_STOCK_STREAM_URL: "wss://x.test/v2?token=TOKEN",
  STREAM_PROXY_RECONNECT_DELAY_MAX_SECS: "45",
};

Deno.test("the effective settings name every variable and no secret", () => {
  const shown = describeSettings(parseConfig(ENV));
  assert.deepEqual(
    Object.keys(shown),
    ALL_SETTINGS.map((setting) => setting.name),
  );
  assert.equal(shown.ALPACA_KEY, "<set>");
  assert.equal(shown.ALPACA_STOCK_STREAM_URL, "wss://x.test/v2?…");
  assert.equal(shown.STREAM_PROXY_RECONNECT_DELAY_MAX_SECS, 45);
  assert.doesNotMatch(JSON.stringify(shown), /KEY-1234|SECRET-1234|TOKEN/);
});

Deno.test("a default in the table is what an unset variable shows", () => {
  const shown = describeSettings(
    parseConfig({ ALPACA_KEY: "k", ALPACA_SECRET: "s" }),
  );
  for (const { name, default: fallback } of ALL_SETTINGS) {
    if (fallback === undefined) continue;
    const same = String(shown[name]) === fallback ||
      Number(shown[name]) === Number(fallback);
    assert.ok(same, `${name}: ${shown[name]} is not ${fallback}`);
  }
});

Deno.test("the documentation tables hold every setting exactly once", () => {
  const tables = SECTIONS.map(settingsTable).join("\n");
  for (const { name, aliases } of ALL_SETTINGS) {
    assert.equal(tables.split(`\n| \`${name}\``).length, 2, name);
    for (const alias of aliases) assert.ok(tables.includes(`\`${alias}\``));
  }
});
