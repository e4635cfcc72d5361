/**
 * Places, replaces, cancels and reads orders with the official npm SDK. Each line of the standard
 * input is a command, each line of the output its result, both as JSON.
 */
import { trading } from "@alpacahq/alpaca-trade-api";
import { createInterface } from "node:readline";
import process from "node:process";

interface Command {
  readonly do: string;
  readonly id: string;
  readonly symbol: string;
  readonly side: "buy" | "sell";
  readonly qty: string;
  readonly limitPrice?: string;
}

const [basePath = ""] = Deno.args;
const api = new trading.OrdersApi(
  new trading.Configuration({
    keyId: "SIM_KEY",
    secret: "SIM_SECRET",
    basePath,
    timeoutMs: 0, // its timer outlives a reply without a body
  }),
);

function run({ do: what, id, symbol, side, qty, limitPrice }: Command): Promise<unknown> {
  const price = limitPrice === undefined ? {} : { limitPrice };
  switch (what) {
    case "place": {
      const type = limitPrice === undefined ? "market" : "limit";
      const order = { symbol, side, qty, type, timeInForce: "gtc", ...price } as const;
      return api.postOrder({ postOrderRequest: order });
    }
    case "replace":
      return api.patchOrderByOrderId({ orderId: id, patchOrderRequest: price });
    case "cancel":
      return api.deleteOrderByOrderID({ orderId: id });
    case "read":
      return api.getOrderByOrderID({ orderId: id });
    default:
      throw new Error(`Unknown command ${what}`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const result = await run(JSON.parse(line)) ?? {};
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
