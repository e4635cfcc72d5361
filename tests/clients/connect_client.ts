/**
 * A consumer of the proxy as others write them: connect-es over the gRPC
 * protocol, in a process of its own.
 *
 * Arguments: address, method in lowerCamelCase, request as protobuf-JSON, number
 * of messages. Prints `ready` when the response headers have come, then one
 * line of protobuf-JSON per message.
 *
 * @module
 */
import { fromJson, toJson } from "@bufbuild/protobuf";
import { type CallOptions, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { StreamProxyService } from "../../src/gen/cream/v1/stream_proxy_pb.ts";

const [address, method, request = "{}", count = "1"] = Deno.args;
const client = createClient(
  StreamProxyService,
  createGrpcTransport({ baseUrl: `http://${address}` }),
);
const desc = StreamProxyService.methods.find((each) => each.localName === method);
if (!desc) throw new Error(`No such method: ${method}`);
const input = fromJson(desc.input, JSON.parse(request));
const print = (message: unknown) =>
  // deno-lint-ignore no-console
  console.log(JSON.stringify(toJson(desc.output, message as never)));

if (desc.methodKind === "unary") {
  print(await client.getConnectionStatus(input as never));
  Deno.exit(0);
}
type Stream = (
  input: unknown,
  options: CallOptions,
) => AsyncIterable<unknown>;
const open = client[desc.localName as keyof typeof client] as Stream;
let left = Number(count);
// deno-lint-ignore no-console
const onHeader = () => console.log("ready");
for await (const message of open(input, { onHeader })) {
  print(message);
  if (--left === 0) break;
}
Deno.exit(0);
