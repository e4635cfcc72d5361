/**
 * The documented clients that set every option, against a model of the stream
 * contract: they resume, suppress what is replayed twice, acknowledge, and report
 * gaps and holes. The TypeScript client runs the library on the installed Node.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Origin } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { ModelProxy, serveModel } from "../support/model_proxy.ts";
import { until } from "../support/until.ts";
import { ClientBuilds, type RunningClient, startClient } from "./client_process.ts";

const { projects, missing } = await ClientBuilds.available();
const builds = new ClientBuilds();

/** Messages of a gap and of a hole in the error output of each client. */
const REPORTS: Readonly<Record<string, { readonly gap: RegExp; readonly hole: RegExp }>> = {
  Python: {
    gap: /GAP_REASON_SLOW_CLIENT 2 messages are missing AAPL MSFT/,
    hole: /1 messages are missing that the proxy did not report/,
  },
  TypeScript: {
    gap: /missing: 2 slow_client AAPL MSFT/,
    hole: /missing: 1 undetected AAPL/,
  },
};

for (const [language, { gap, hole }] of Object.entries(REPORTS)) {
  const project = projects.find((one) => one.language === language);
  const skipped = project ? "" : ` (skipped: ${missing.get(language)})`;
  Deno.test({
    name: `the ${language} client resumes and reports gaps and holes${skipped}`,
    ignore: !project,
    fn: async () => {
      assert(project);
      const model = new ModelProxy();
      await using server = await serveModel(model);
      await using client = startClient(await builds.build(project), server.address);
      const send = async (...symbols: string[]) => {
        for (const symbol of symbols) model.publish(symbol);
        const expected = client.lines.length + (model.stream?.queued ?? 0);
        model.stream?.deliver();
        await until("the messages", () => client.lines.length === expected);
      };
      await until("a stream", () => model.stream !== undefined);
      await send("AAPL", "MSFT");
      for (const symbol of ["AAPL", "MSFT"]) model.publish(symbol);
      model.stream?.lose(2);
      await send("AAPL", "MSFT");
      model.publish("AAPL");
      model.stream?.lose(1, { isReported: false });
      await send("AAPL");
      model.stream?.heartbeat(model.sequence);
      // Some messages of a broken connection were received, others were not.
      model.publish("MSFT");
      model.stream?.end("UNAVAILABLE", "broken");
      await until("it is back", () => model.streams.length === 2);
      await until("the replay", () => pricesOf(client).includes(9));
      model.stream?.enqueue(model.published[8]!, Origin.REPLAY);
      model.stream?.deliver();
      await send("AAPL");
      assert.deepEqual(model.requests[1]?.options?.resume?.sequence, 8n);
      assert.deepEqual(pricesOf(client), [1, 2, 5, 6, 8, 9, 10]);
      const errors = await client.stop();
      assert.match(errors, gap);
      assert.match(errors, hole);
    },
  });
}

function pricesOf({ lines }: RunningClient): number[] {
  return lines.map((line) => Number(/^[A-Z]+ (\d+)/.exec(line)?.[1]));
}

const python = projects.find(({ language }) => language === "Python");
Deno.test({
  name: "the Python client acknowledges what it has processed, with LATEST too" +
    (python ? "" : ` (skipped: ${missing.get("Python")})`),
  ignore: !python,
  fn: async () => {
    assert(python);
    const model = new ModelProxy();
    await using server = await serveModel(model);
    const { command, ...prepared } = await builds.build(python);
    const latest = { ...prepared, command: { ...command, env: { LATEST: "1" } } };
    await using client = startClient(latest, server.address);
    await until("a stream", () => model.stream !== undefined);
    for (let i = 0; i < 1_000; i++) {
      model.publish("AAPL");
      model.stream?.deliver();
      if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await until("the newest quote", () => pricesOf(client).at(-1) === 1_000);
    const [stream] = model.streams;
    assert.equal(stream?.options.maxUnacknowledged, 200);
    assert.ok(model.acknowledgements.length > 0);
    assert.ok(stream.unacknowledged.length < 200);
    model.stream?.heartbeat(model.sequence);
    assert.equal(await client.stop(), "");
  },
});
