/**
 * The quick part of `scripts/delivery/check_chart.ts`, where there is a Helm.
 */
import assert from "node:assert/strict";
import { checkInvariants } from "../../scripts/delivery/invariants.ts";
import { MATRIX, REFUSALS } from "../../scripts/delivery/matrix.ts";
import { readManifests, renderText } from "../../scripts/delivery/render.ts";
import { findTool } from "../../scripts/delivery/tools.ts";

const helm = await findTool("helm");
const leftOut = helm === undefined
  ? " (left out: no helm on this machine; " +
    "deno run -A scripts/delivery/check_chart.ts --install fetches it)"
  : "";

for (const { name, values } of MATRIX) {
  Deno.test({
    name: `the chart keeps its promises with ${name}${leftOut}`,
    ignore: helm === undefined,
    fn: async () => {
      const text = await renderText({ helm: helm ?? "", values });
      checkInvariants(readManifests(text));
    },
  });
}

for (const { name, values, says } of REFUSALS) {
  Deno.test({
    name: `the chart refuses ${name}${leftOut}`,
    ignore: helm === undefined,
    fn: () =>
      assert.rejects(
        renderText({ helm: helm ?? "", values }),
        (error: Error) => says.test(error.message),
      ),
  });
}
