import assert from "node:assert/strict";
import { StandardOutput } from "../../../../src/infrastructure/logging/output.ts";

/** A pipe that takes bytes only when it is read. */
class Pipe {
  text = "";
  #reader: ((bytes: number) => void) | undefined;
  #bytes: Uint8Array = new Uint8Array();

  readonly write = (bytes: Uint8Array): Promise<number> => {
    this.#bytes = bytes;
    return new Promise((resolve) => this.#reader = resolve);
  };

  /** Reads up to `most` bytes of what is being written. */
  async read(most = Infinity): Promise<void> {
    await settled();
    const taken = this.#bytes.subarray(0, most);
    this.text += new TextDecoder().decode(taken);
    this.#reader?.(taken.length);
    await settled();
  }
}

/** Lets promises that have settled take effect. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

const describeLoss = (count: number) => `lost ${count}`;

Deno.test("lines are written in order, those that waited in one write", async () => {
  const pipe = new Pipe();
  const output = new StandardOutput({ write: pipe.write, describeLoss });
  for (const line of ["one", "two", "three"]) output.put(line);
  await pipe.read();
  assert.equal(pipe.text, "one\n");
  await pipe.read();
  assert.equal(pipe.text, "one\ntwo\nthree\n");
  await output.written();
  output.put("four");
  await pipe.read();
  await output.written();
  assert.equal(pipe.text, "one\ntwo\nthree\nfour\n");
});

Deno.test("a write that took a part only is continued", async () => {
  const pipe = new Pipe();
  const output = new StandardOutput({ write: pipe.write, describeLoss });
  output.put("abcdef");
  await pipe.read(4);
  await pipe.read();
  await output.written();
  assert.equal(pipe.text, "abcdef\n");
});

Deno.test("lines that a blocked pipe cannot hold are counted and reported", async () => {
  const pipe = new Pipe();
  const capacity = 10;
  const output = new StandardOutput({
    write: pipe.write,
    describeLoss,
    capacity,
  });
  output.put("first");
  for (let i = 0; i < 5; i++) output.put(`li${i}`);
  await pipe.read();
  assert.equal(pipe.text, "first\n");
  await pipe.read();
  await output.written();
  assert.equal(pipe.text, "first\nli0\nli1\nli2\nlost 2\n");
});

Deno.test("a closed pipe loses its lines and affects nothing else", async () => {
  const output = new StandardOutput({
    write: () => Promise.reject(new Error("Broken pipe")),
    describeLoss,
  });
  output.put("one");
  output.put("two");
  await output.written();
});
