/**
 * Calls of web pages in a real Chromium: `apt-get install chromium`, or set `CHROMIUM`.
 */
import assert from "node:assert/strict";
import { OPEN_ACCESS, Unauthenticated } from "../../../src/application/access/access.ts";
import { ANONYMOUS } from "../../../src/domain/access/grants.ts";
import { findProgram } from "../../../scripts/delivery/run_program.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { areSubscribed, startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { startWebHarness } from "../../support/web_client.ts";
import { BrowserPage, findChromium } from "../http/browser.ts";
import { prepareDocumented, run, serveFolder } from "./documented_page.ts";

const CHROMIUM = findChromium();
const LEFT_OUT = CHROMIUM === undefined ? " (skipped: no Chromium on this machine)" : "";

/** Opens a page in Chromium; its folder is removed at the end. */
async function openPage(
  made: AsyncDisposableStack,
  prepare: (folder: string) => Promise<void>,
): Promise<{ readonly page: BrowserPage; readonly origin: string }> {
  const folder = await Deno.makeTempDir({ prefix: "web-page-" });
  made.defer(() => Deno.remove(folder, { recursive: true }));
  await prepare(folder);
  const { origin } = made.use(serveFolder(folder));
  const options = { width: 800, height: 600, scheme: "light" } as const;
  const page = made.use(await BrowserPage.open(CHROMIUM ?? "", options));
  return { page, origin };
}

async function prepareProbe(folder: string): Promise<void> {
  const args = ["bundle", "-q", "-o", `${folder}/probe.js`, "tests/clients/browser_probe.ts"];
  await run(Deno.execPath(), args);
  const script = `<script type="module" src="probe.js"></script>`;
  await Deno.writeTextFile(`${folder}/index.html`, `<!doctype html>${script}`);
}

Deno.test({
  name: `a web page calls by every protocol, within what its origin and token allow${LEFT_OUT}`,
  ignore: CHROMIUM === undefined,
  fn: async () => {
    await using made = new AsyncDisposableStack();
    const { page, origin } = await openPage(made, prepareProbe);
    const access = {
      ...OPEN_ACCESS,
      isOn: true,
      authenticate: ({ token }: { readonly token?: string | undefined }) => {
        if (token === "right") return { ...ANONYMOUS, name: "page" };
        throw new Unauthenticated("invalid", "The token is not valid");
      },
    };
    await page.goTo(`${origin}/index.html`);
    await until(
      "the page is ready",
      async () => await page.evaluate("!!globalThis.probe") === true,
    );
    for (const protocol of ["connect", "grpc-web"] as const) {
      for (const useBinaryFormat of [true, false]) {
        await using harness = await startWebHarness({ access, origins: [origin] });
        const options = { baseUrl: harness.webUrl, protocol, useBinaryFormat, token: "right" };
        const call = (name: string, ...args: unknown[]) =>
          page.evaluate(`probe.${name}(...${JSON.stringify(args)})`);
        assert.deepEqual(await call("status", options), { version: "0.0.0-test" });
        const refused = await call("status", { ...options, token: "wrong" });
        assert.deepEqual(refused, {
          error: { code: 16, message: "The token is not valid", fields: 1 },
        });
        const invalid = await call("quotes", options, ["AAPL", ""], 1);
        assert.deepEqual(invalid, {
          messages: [],
          error: {
            code: 3,
            message: 'Invalid request: symbols[1]: "" is empty; leave it out',
            fields: ["symbols[1]"],
          },
        });
        const taken = call("quotes", options, ["AAPL"], 3);
        await harness.market.untilOpen(1);
        const [stream] = harness.market.streams;
        stream?.notify({ type: "draining", at: 1, reason: "a notice", graceMs: 1 });
        for (let i = 0; i < 2; i++) harness.market.publish("stockQuotes", GOLDEN_QUOTE);
        const { messages } = await taken as { readonly messages: unknown[][] };
        assert.deepEqual(messages.map(([kind]) => kind), ["draining", "AAPL", "AAPL"]);
        assert.deepEqual(messages[2], ["AAPL", 150.25, 2]);
        await harness.market.untilOpen(0);
        const ending = call("quotes", options, ["AAPL"], 5);
        await harness.market.untilOpen(1);
        await harness.server.stop(2_000, "stopped");
        const ended = await ending as { readonly error: unknown };
        assert.deepEqual(ended.error, { code: 14, message: "stopped", fields: 0 });
      }
    }
    // Of another origin: nothing is readable, not even the status.
    await using harness = await startWebHarness({ access, origins: ["https://other.example"] });
    const options = { baseUrl: harness.webUrl, protocol: "connect", useBinaryFormat: true };
    const blocked = await page.evaluate(
      `probe.status(${JSON.stringify({ ...options, token: "right" })})`,
    ) as { readonly error: { readonly message: string } };
    assert.match(blocked.error.message, /Failed to fetch/);
    const opaque = await page.evaluate(
      `fetch("${harness.webUrl}/cream.v1.StreamProxyService/GetConnectionStatus", ` +
        `{ method: "POST", mode: "no-cors", body: "{}" })` +
        `.then(async (r) => [r.type, r.status, await r.text()])`,
    );
    assert.deepEqual(opaque, ["opaque", 0, ""]);
  },
});

const WITHOUT_NPM = findProgram("npm") === undefined ? " (skipped: no npm on the PATH)" : LEFT_OUT;

for (const protocol of ["connect", "grpc-web"]) {
  Deno.test({
    name: `the documented page shows quotes and reconnects, by ${protocol}${WITHOUT_NPM}`,
    ignore: WITHOUT_NPM !== "",
    fn: async () => {
      await using made = new AsyncDisposableStack();
      const { page, origin } = await openPage(made, prepareDocumented);
      const env = { ALPACA_FEED: "sip", STREAM_PROXY_CORS_ORIGINS: origin };
      const text = (id: string) => page.evaluate(`document.querySelector("${id}").textContent`);
      let port = "0";
      for (const bid of [150.25, 151.5]) {
        await using harness = await startHarness({
          env: { ...env, STREAM_PROXY_HEALTH_PORT: port, STREAM_PROXY_DRAIN_SECS: "1" },
        });
        if (port === "0") {
          const query = new URLSearchParams({ proxy: harness.health, protocol, symbols: "AAPL" });
          await page.goTo(`${origin}/index.html?${query}`);
        }
        port = new URL(harness.health).port;
        await until(
          "it is subscribed",
          () => areSubscribed(harness.simulator, { endpoint: "sip", channel: "quotes" }, ["AAPL"]),
        );
        const quote = { T: "q", S: "AAPL", bx: "Q", bp: bid, bs: 3, ax: "P", ap: 152, as: 4 };
        const more = { c: ["R"], t: "2024-01-15T10:00:00.123456789Z", z: "C" };
        harness.simulator.emit("sip", [{ ...quote, ...more }]);
        await until("the page shows it", async () => await text("#quotes") === `AAPL${bid}152`);
        assert.match(String(await text("#state")), /^connected/);
      }
      await until(
        "the page shows the end",
        async () => /unavailable|fetch|network/i.test(String(await text("#state"))),
      );
    },
  });
}
