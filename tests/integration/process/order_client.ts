/**
 * A consumer of order updates: writes each update and each gap as a line of JSON. Arguments: the
 * address of the proxy, and the id of the event after which it continues, if any.
 *
 * @module
 */
import { connect } from "../../../client/mod.ts";

const [address = "", eventId] = Deno.args;

function write(line: Readonly<Record<string, unknown>>): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

const client = connect({ address });
const updates = client.orderUpdates([], {
  ...(eventId && { resume: { eventId } }),
  onGap: ({ reason }) => write({ gap: reason }),
  onNotice: ({ kind }) => {
    if (kind.case === "hello" || kind.case === "caughtUp") write({ notice: kind.case });
  },
});
for await (const { eventId, order, meta } of updates) {
  write({
    eventId,
    order: order?.id,
    status: order?.status,
    filledQty: order?.filledQty,
    event: meta.eventWord,
  });
}
