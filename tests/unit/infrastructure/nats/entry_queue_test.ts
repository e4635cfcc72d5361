/** What waits between NATS and the decoders. */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { EntryQueue } from "../../../../src/infrastructure/nats/entry_queue.ts";
import { encodeBatch } from "../../../../src/infrastructure/nats/frame_batch.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

const gc = (globalThis as { gc?: () => void }).gc;

function batch(number: number): Uint8Array {
  return encodeBatch(1n, number, [{ kind: "frame", receivedAt: 0, payload: new Uint8Array(100) }]);
}

Deno.test("batches are put before the entry that is handled next, also inside a batch", () => {
  const queue = new EntryQueue({ clock: new ManualClock(), onInvalid: () => assert.fail() });
  const frame = { kind: "frame", receivedAt: 0, payload: new Uint8Array(1) } as const;
  const numbers: (number | string)[] = [];
  queue.add(encodeBatch(1n, 1, [frame, frame]));
  queue.addAction(() => void numbers.push("action"));
  const handle = ({ number }: { readonly number: number }) => {
    if (number === 2 && !numbers.includes(8)) {
      queue.stop();
      return false;
    }
    numbers.push(number);
    return true;
  };
  queue.start(handle);
  queue.insert([batch(8), batch(9)]);
  queue.insert([batch(7)]);
  queue.start(handle);
  assert.deepEqual(numbers, [1, 7, 8, 9, 2, "action"]);
  assert(queue.add(batch(10)));
});

Deno.test({
  name: "a queue that is never empty keeps nothing that was handled",
  ignore: gc === undefined,
  async fn() {
    const queue = new EntryQueue({ clock: new ManualClock(), onInvalid: () => assert.fail() });
    const added: WeakRef<Uint8Array>[] = [];
    const add = () => {
      const bytes = batch(added.length + 1);
      added.push(new WeakRef(bytes));
      assert(queue.add(bytes));
    };
    add();
    add();
    const numbers: number[] = [];
    queue.start(({ number }) => {
      numbers.push(number);
      if (number === 3_000) queue.stop();
      else add();
      return true;
    });
    assert.deepEqual(numbers, Array.from({ length: 3_000 }, (_, i) => i + 1));
    await setTimeout(0);
    gc?.();
    const kept = added.filter((each) => each.deref() !== undefined).length;
    assert(kept <= 3, `${kept} batches are kept`);
  },
});
