import assert from "node:assert/strict";
import { endpointOf } from "../../../../src/infrastructure/websocket/endpoints.ts";

Deno.test("the paths that SDKs append to one base URL name the stream", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["sip", ["/v2/sip", "/v1beta1/sip", "/sip", "/sip/", "/sip?x=1"]],
    ["indicative", ["/v1beta1/indicative", "/v2/indicative", "/indicative"]],
    ["news", ["/v1beta1/news", "/v2/news", "/news", "/news/"]],
  ];
  for (const [kind, paths] of cases) {
    for (const path of paths) assert.equal(endpointOf(path)?.kind, kind, path);
  }
  for (const location of ["us", "us-1", "us-2", "eu-1", "bs-1"]) {
    for (const base of ["/v1beta3/crypto", "/crypto", ""]) {
      const endpoint = endpointOf(`${base}/${location}`);
      assert.deepEqual([endpoint?.feed, endpoint?.location], ["crypto", location]);
    }
  }
});

Deno.test("paths of crypto perpetuals name a product, which no proxy carries", () => {
  for (const path of ["/v1beta1/crypto-perps/global", "/crypto-perps/global", "/global"]) {
    assert.equal(endpointOf(path)?.kind, "crypto_perpetuals");
  }
});

Deno.test("other paths name no stream", () => {
  for (const path of ["/us-3", "/crypto", "/v2/us", "/v3/sip", "/sip/us", "/constructor", "//"]) {
    const feed = endpointOf(path)?.feed;
    assert.equal(feed, undefined, path);
  }
});
