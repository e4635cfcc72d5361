import assert from "node:assert/strict";
import fc from "fast-check";
import {
  MAX_HEAD_BYTES,
  RequestBuffer,
} from "../../../../src/infrastructure/http/request_buffer.ts";
import {
  parseHead,
  type RequestHead,
} from "../../../../src/infrastructure/http/request_head.ts";

/** A valid head with this request line, or this line and these fields. */
function head(line: string, ...fields: string[]): string {
  return [line, ...(fields.length > 0 ? fields : ["Host: proxy"])].join("\r\n");
}

function accepted(text: string): RequestHead {
  const result = parseHead(text);
  assert.ok(!("reason" in result), `refused: ${JSON.stringify(result)}`);
  return result;
}

/** Heads that are refused, and a word of the reason. */
const REFUSED: readonly (readonly [string, RegExp])[] = [
  [head("GET / HTTP/1.1", "Host: a b"), /Host header is invalid/],
  [head("GET / HTTP/1.1", "Host: ["), /Host header is invalid/],
  [head("GET / HTTP/1.1", "Host: u@x"), /Host header is invalid/],
  [head("GET / HTTP/1.1", "Host: x/y"), /Host header is invalid/],
  [head("GET / HTTP/1.1", "Host: x:99999"), /Host header is invalid/],
  [head("GET / HTTP/1.1", "Host: a, b"), /Host header is invalid/],
  [head("GET / HTTP/1.1", "Accept: */*"), /Host header is missing/],
  [head("GET / HTTP/1.1", "Host: a", "Host: a"), /more than one Host/],
  [head("GET / HTTP/1.1", "Host: a", "host: b"), /more than one Host/],
  [head("GET http://a b/ HTTP/1.1"), /request line/],
  [head("GET http://[/ HTTP/1.1"), /request target/],
  [head("GET http:/// HTTP/1.1"), /request target/],
  [head("GET http://u:p@x/ HTTP/1.1"), /request target/],
  [head("GET ftp://x/ HTTP/1.1"), /request target/],
  [head("GET health HTTP/1.1"), /request target/],
  [head("GET /\xff HTTP/1.1"), /request line/],
  [head("GET / HTTP/2.0"), /request line/],
  [head("PRI * HTTP/2.0"), /request line/],
  [head("GET /"), /request line/],
  [head("G(T / HTTP/1.1"), /request line/],
  [head("GET  / HTTP/1.1"), /request line/],
  [head("GET / HTTP/1.1", "Host: a", "Ho st: b"), /A header is invalid/],
  [head("GET / HTTP/1.1", "Host: a", "A : b"), /A header is invalid/],
  [head("GET / HTTP/1.1", "Host: a", "A: b", " folded"), /A header is invalid/],
  [head("GET / HTTP/1.1", "Host: a", "A: \x00"), /A header is invalid/],
  [head("GET / HTTP/1.1", "Host: a", "A: b\rc"), /A header is invalid/],
  [
    head("GET / HTTP/1.1", "Host: a", ...new Array(100).fill("A: b")),
    /More than 100/,
  ],
  [
    head("GET / HTTP/1.1", "Host: a", "Content-Length: 1", "Content-Length: 2"),
    /ambiguous/,
  ],
  [head("GET / HTTP/1.1", "Host: a", "Content-Length: -1"), /ambiguous/],
  [
    head(
      "GET / HTTP/1.1",
      "Host: a",
      "Content-Length: 5",
      "Transfer-Encoding: chunked",
    ),
    /ambiguous/,
  ],
  [head("GET / HTTP/1.1", "Host: a", "Transfer-Encoding: gzip"), /ambiguous/],
];

for (const [text, reason] of REFUSED) {
  const shown = JSON.stringify(text.slice(0, 70));
  Deno.test(`a request head is refused with 400: ${shown}`, () => {
    const result = parseHead(text);
    assert.ok("reason" in result);
    assert.equal(result.status, 400);
    assert.match(result.reason, reason);
  });
}

Deno.test("a head is read as URL, headers, version and framing", () => {
  const read = accepted(
    "GET /events?a=%zz#b HTTP/1.1\r\nHost: Proxy:8082\r\n" +
      "Sec-Fetch-Site:  cross-site \r\nConnection: Upgrade\r\nUpgrade: h2c",
  );
  assert.equal(read.method, "GET");
  assert.equal(read.url, "http://proxy:8082/events?a=%zz#b");
  assert.equal(read.headers.get("sec-fetch-site"), "cross-site");
  assert.deepEqual([read.modern, read.keepAlive, read.hasBody], [
    true,
    true,
    false,
  ]);
});

Deno.test("what a client names as host and path is what the URL says", () => {
  const urls: Readonly<Record<string, readonly string[]>> = {
    "http://a/x": ["GET http://a/x HTTP/1.1", "Host: b"],
    "http://b//x": ["GET //x HTTP/1.1", "Host: b"],
    "http://localhost/x": ["GET /x HTTP/1.0", "Accept: */*"],
    "http://[::1]:8082/x": ["GET /x HTTP/1.1", "Host: [::1]:8082"],
    "http://127.0.0.1/x": ["GET /x HTTP/1.1", "Host: 0x7f.1"],
    "http://a_b/x": ["GET /x HTTP/1.1", "Host: a_b"],
    "http://b/*": ["OPTIONS * HTTP/1.1", "Host: b"],
  };
  for (const [url, [line = "", ...fields]] of Object.entries(urls)) {
    assert.equal(accepted(head(line, ...fields)).url, url);
  }
});

Deno.test("a connection is kept as the version and Connection say", () => {
  const kept = (version: string, connection: string) =>
    accepted(
      head(`GET / HTTP/${version}`, "Host: a", `Connection: ${connection}`),
    ).keepAlive;
  assert.equal(kept("1.1", "close"), false);
  assert.equal(kept("1.1", "x, Close"), false);
  assert.equal(kept("1.1", "keep-alive"), true);
  assert.equal(kept("1.0", "keep-alive"), true);
  assert.equal(kept("1.0", "x"), false);
});

Deno.test("no head throws: any bytes are a request or an error", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "GET",
      " ",
      "/",
      "HTTP/1.1",
      "\r\n",
      "\n",
      "Host:",
      "http://",
      "[",
      "]",
      "@",
      ":",
      "%",
      "*",
      "Content-Length:",
      "Transfer-Encoding: chunked",
      "0",
    ),
    fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 4 })
      .map((codes) => String.fromCharCode(...codes)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const result = parseHead(pieces.join(""));
      if ("reason" in result) assert.equal(result.status, 400);
      else new URL(result.url);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("heads are taken out of the bytes alike, however these are cut", () => {
  const request = fc.array(
    fc.constantFrom("A: b", "Host: proxy", "X: é"),
    { minLength: 1, maxLength: 5 },
  );
  const end = fc.constantFrom("\r\n", "\n");
  fc.assert(
    fc.property(
      fc.array(request, { minLength: 1, maxLength: 4 }),
      end,
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 9 }),
      (requests, lineEnd, cuts) => {
        const text = requests
          .map((lines) =>
            `${lineEnd}${lines.join(lineEnd)}${lineEnd}${lineEnd}`
          )
          .join("");
        const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
        const buffer = new RequestBuffer();
        const heads: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const room = buffer.room();
          const size = Math.min(
            cuts[turn % cuts.length] ?? 1,
            room.length,
            bytes.length - at,
          );
          room.set(bytes.subarray(at, at + size));
          buffer.filled(size);
          at += size;
          let head: string | undefined;
          while ((head = buffer.takeHead()) !== undefined) heads.push(head);
        }
        assert.deepEqual(heads, requests.map((lines) => lines.join(lineEnd)));
      },
    ),
  );
});

Deno.test("a buffer grows to its bound and no further", () => {
  const buffer = new RequestBuffer();
  let bytes = 0;
  while (!buffer.full) {
    const room = buffer.room();
    room.fill(65);
    buffer.filled(room.length);
    bytes += room.length;
    assert.equal(buffer.takeHead(), undefined);
  }
  assert.equal(bytes, MAX_HEAD_BYTES);
  assert.ok(buffer.plausible);
});
