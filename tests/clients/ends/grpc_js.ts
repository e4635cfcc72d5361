/** Opens streams and prints the status code that each ends with. */
import { Buffer } from "node:buffer";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";

const print = (line: string) => void Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

const [address = "", count] = Deno.args;
const client = new Client(address, credentials.createInsecure());
const bytes = (message: Buffer) => message;
let opening = Number(count);
let open = opening;

for (let i = Number(count); i > 0; i--) {
  const call = client.makeServerStreamRequest(
    "/cream.v1.StreamProxyService/StreamQuotes",
    bytes,
    bytes,
    Buffer.alloc(0),
  );
  call.on("metadata", () => {
    if (--opening === 0) print("open");
  });
  call.on("error", (error: Error) => {
    const { code, details } = error as ServiceError;
    print(`${status[code]} ${details}`);
    if (--open === 0) Deno.exit(0);
  });
  call.resume();
}
