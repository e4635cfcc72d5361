import assert from "node:assert/strict";
import { RecordFile, type WritableFile } from "../../../cli/record_file.ts";

/** A file in memory that takes a few bytes per call. */
class MemoryFile implements WritableFile {
  bytes: number[] = [];
  isClosed = false;
  failure: Error | undefined;

  write(bytes: Uint8Array): Promise<number> {
    if (this.failure) return Promise.reject(this.failure);
    this.bytes.push(...bytes.subarray(0, 7));
    return Promise.resolve(Math.min(7, bytes.length));
  }

  close(): void {
    this.isClosed = true;
  }
}

const BATCH = new Uint8Array([9, 8, 7]);

Deno.test("records have the feed, the length and the batch", async () => {
  const file = new MemoryFile();
  {
    await using recording = new RecordFile(file);
    recording.add("sip", BATCH);
    recording.add("trading", new Uint8Array([1]));
  }
  const text = (value: string) => [...new TextEncoder().encode(value)];
  assert.deepEqual(file.bytes, [
    ...text("ASPR1\n"),
    ...[3, 0, ...text("sip"), 3, 0, 0, 0, 9, 8, 7],
    ...[7, 0, ...text("trading"), 1, 0, 0, 0, 1],
  ]);
  assert.ok(file.isClosed);
});

Deno.test("a recording ends with the last record below its largest size", async () => {
  const file = new MemoryFile();
  {
    await using recording = new RecordFile(file, { maxBytes: 6 + 2 * 12 });
    assert.equal(recording.add("sip", BATCH), undefined);
    assert.equal(recording.add("sip", BATCH), undefined);
    assert.equal(recording.add("sip", BATCH), "full");
    assert.equal(recording.bytes, 30);
  }
  assert.equal(file.bytes.length, 30);
});

Deno.test("a slow disk bounds what waits, in whole records", async () => {
  const file = new MemoryFile();
  {
    await using recording = new RecordFile(file, { maxPendingBytes: 20 });
    assert.equal(recording.add("sip", BATCH), undefined);
    assert.equal(recording.add("sip", BATCH), "slow disk");
  }
  assert.equal(file.bytes.length, 18);
});

Deno.test("a failed write is an error of the recording", async () => {
  const file = new MemoryFile();
  file.failure = new Error("No space left on device");
  const recording = new RecordFile(file);
  await assert.rejects(recording.failed, /No space left/);
  await recording[Symbol.asyncDispose]();
  assert.ok(file.isClosed);
});
