/** Opens streams and prints the status code that each ends with. */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";

const print = (line: string) => void Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

const [address, count] = Deno.args;
const client = createClient(
  StreamProxyService,
  createGrpcTransport({ baseUrl: `http://${address}` }),
);
let opening = Number(count);
const onHeader = () => {
  if (--opening === 0) print("open");
};

async function follow(): Promise<string> {
  try {
    for await (const _ of client.streamQuotes({}, { onHeader }));
    return "Ok";
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return `${Code[code]} ${rawMessage}`;
  }
}

const ends = Array.from({ length: opening }, follow);
for (const end of await Promise.all(ends)) print(end);
Deno.exit(0);
