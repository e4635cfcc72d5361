import assert from "node:assert/strict";
import type { KeyMaterial } from "../../../../src/application/connections/connection_security.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import {
  RELOAD_MS,
  reloadCertificate,
} from "../../../../src/infrastructure/tls/certificate_reload.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

function materialOf(name: string, expiresAt = 0): KeyMaterial {
  return { certificate: name, key: "", clientCa: undefined, subject: `CN=${name}`, expiresAt };
}

class Rig implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly counters = createCounters().tls;
  /** What the files have; an Error if they cannot be used. */
  files: KeyMaterial | Error;
  readonly ports: { material: KeyMaterial; replace(next: KeyMaterial): void };
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor() {
    const first = materialOf("first", 1_000);
    this.files = first;
    this.ports = { material: first, replace: (next) => this.ports.material = next };
    this.#running = reloadCertificate({
      clock: this.clock,
      log: this.log,
      counters: this.counters,
      ports: this.ports,
      read: () => {
        if (this.files instanceof Error) throw this.files;
        return this.files;
      },
      signal: this.#stop.signal,
    });
  }

  polls(count: number): Promise<void> {
    return this.clock.advance(count * RELOAD_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

Deno.test("a new certificate is used, counted and logged", async () => {
  await using rig = new Rig();
  await rig.polls(3);
  assert.equal(rig.counters.reloads.loaded, 0);
  rig.files = materialOf("second", Date.UTC(2030, 0, 1));
  await rig.polls(2);
  assert.equal(rig.ports.material.certificate, "second");
  assert.deepEqual(rig.counters, {
    reloads: { loaded: 1, failed: 0 },
    expiresAt: Date.UTC(2030, 0, 1),
  });
  assert.deepEqual(rig.log.records, [{
    level: "info",
    message: "Loaded a new TLS certificate",
    fields: { subject: "CN=second", expiresAt: "2030-01-01T00:00:00Z" },
  }]);
});

Deno.test("a bad file keeps the certificate in force and is logged once", async () => {
  await using rig = new Rig();
  rig.files = new Error("KEY is not the key of the certificate");
  await rig.polls(5);
  assert.equal(rig.ports.material.certificate, "first");
  assert.deepEqual(rig.counters.reloads, { loaded: 0, failed: 1 });
  assert.deepEqual(rig.log.records.map(({ level, fields }) => [level, fields.cause]), [
    ["error", "KEY is not the key of the certificate"],
  ]);
  rig.files = new Error("CERT cannot be read");
  await rig.polls(3);
  assert.equal(rig.counters.reloads.failed, 2);
  rig.files = materialOf("second");
  await rig.polls(1);
  assert.equal(rig.ports.material.certificate, "second");
});

Deno.test("files that disagree while both are being replaced are no error", async () => {
  await using rig = new Rig();
  rig.files = new Error("KEY is not the key of the certificate");
  await rig.polls(1);
  rig.files = materialOf("second");
  await rig.polls(1);
  assert.equal(rig.ports.material.certificate, "second");
  assert.deepEqual(rig.counters.reloads, { loaded: 1, failed: 0 });
  assert.deepEqual(rig.log.messages("error"), []);
});
