import assert from "node:assert/strict";
import { format, inspect } from "node:util";
import { Secret } from "../../../../src/infrastructure/config/secret.ts";

Deno.test("only reveal returns a secret, however it is printed", () => {
  const secret = new Secret("hunter2");
  assert.equal(secret.reveal(), "hunter2");
  const printed = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    Deno.inspect({ secret }),
    inspect({ secret }, { showHidden: true }),
    format("%s %o %j", secret, secret, secret),
    "" + secret,
    Deno.inspect(Object.entries(secret)),
    JSON.stringify({ ...secret }),
  ];
  for (const text of printed) assert.doesNotMatch(text, /hunter2/);
  assert.equal(JSON.stringify({ secret }), '{"secret":"<secret>"}');
});
