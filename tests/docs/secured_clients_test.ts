/**
 * Each client gets data, or the documented refusal, from proxies without and with TLS, client
 * certificates and tokens.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Case, CASES, CLIENT_OUTCOMES } from "../../scripts/docs/client_outcomes.ts";
import { ClientBuilds } from "./client_process.ts";
import { type ClientName, isAsExpected, runClient, SECURED_CLIENTS } from "./secured_clients.ts";

const DOCUMENTED = "a client gets what is documented, by TLS, certificates and tokens";

const builds = new ClientBuilds();

const NO_CERTIFICATE =
  "The client sent no certificate, and STREAM_PROXY_TLS_CLIENT_AUTH requires one";

for (const name of Object.keys(SECURED_CLIENTS) as ClientName[]) {
  const reason = await SECURED_CLIENTS[name].missing();
  const skipped = reason === undefined ? "" : ` (skipped: ${reason})`;
  Deno.test({
    name: `${DOCUMENTED}: ${name}${skipped}`,
    ignore: reason !== undefined,
    fn: async () => {
      const { observed, log } = await runClient(name, builds);
      const { outcomes } = CLIENT_OUTCOMES[name];
      for (const one of Object.keys(CASES) as Case[]) {
        const expected = outcomes[one];
        assert(
          isAsExpected(observed[one], expected),
          `${CASES[one]}: expected ${JSON.stringify(expected)}, got: ${observed[one].text}`,
        );
      }
      const isRefused = outcomes.noCertificate.cell === "not connected";
      assert.equal(log.includes(NO_CERTIFICATE), isRefused, "the proxy logs the reason");
    },
  });
}
