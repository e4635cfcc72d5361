import assert from "node:assert/strict";
import {
  describeSettings,
  formatSettings,
} from "../../../../src/infrastructure/config/describe_settings.ts";
import { parseConfig } from "../../../../src/infrastructure/config/parse_config.ts";
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
  assert.deepEqual(Object.keys(shown), ALL_SETTINGS.map((setting) => setting.name));
  assert.equal(shown.ALPACA_KEY, "<set>");
  assert.equal(shown.ALPACA_STOCK_STREAM_URL, "wss://x.test/v2?…");
  assert.equal(shown.STREAM_PROXY_RECONNECT_DELAY_MAX_SECS, 45);
  assert.doesNotMatch(JSON.stringify(Object.values(shown)), /KEY-1234|SECRET-1234|TOKEN/);
});

Deno.test("a default in the table is what an unset variable shows", () => {
  const shown = describeSettings(parseConfig({ ALPACA_KEY: "k", ALPACA_SECRET: "s" }));
  for (const { name, default: fallback } of ALL_SETTINGS) {
    if (fallback === undefined) continue;
    const same = String(shown[name]) === fallback || Number(shown[name]) === Number(fallback);
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

Deno.test("on a terminal only settings with another value than their default are listed", () => {
  assert.equal(
    formatSettings(parseConfig({ ...ENV, STREAM_PROXY_RECONNECT_DELAY_MULTIPLIER: "2" })).replace(
      / {2,}/g,
      " ",
    ).replace(/\d+ have/, "N have"),
    ` ALPACA_KEY <set>
 ALPACA_SECRET <set>
 ALPACA_DATA_KEY <set>
 ALPACA_DATA_SECRET <set>
 ALPACA_OPTIONS_FEED indicative
 ALPACA_STOCK_STREAM_URL wss://x.test/v2?…
 ALPACA_OPTION_STREAM_URL wss://stream.data.alpaca.markets/v1beta1/indicative
 ALPACA_CRYPTO_STREAM_URL wss://stream.data.alpaca.markets/v1beta3/crypto/us
 ALPACA_TRADING_STREAM_URL wss://paper-api.alpaca.markets/stream
 ALPACA_TRADING_API_URL https://paper-api.alpaca.markets
 STREAM_PROXY_RECONNECT_DELAY_MAX_SECS 45
 The other N have their defaults; see docs/configuration.md.
`,
  );
});

Deno.test("an edge shows its settings, and that it has no credentials", () => {
  const config = parseConfig({
    STREAM_PROXY_ROLE: "edge",
    STREAM_PROXY_NATS_URL: "tls://nats.example.org",
  });
  const shown = describeSettings(config);
  assert.equal(shown.STREAM_PROXY_ROLE, "edge");
  assert.equal(shown.ALPACA_KEY, "unset");
  assert.match(formatSettings(config), /STREAM_PROXY_ROLE/);
});
