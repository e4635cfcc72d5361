/**
 * Builds the image without an engine and unpacks it.
 *
 * buildah with chroot isolation and the vfs driver needs no daemon and no
 * kernel feature; the bases are `BUILD_IMAGE` and `RUNTIME_IMAGE` where these
 * variables are set, and local stand-ins otherwise.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { UnpackedImage } from "./container.ts";
import { makeLocalBases } from "./local_bases.ts";
import { run } from "./tools.ts";

const TAG = "localhost/alpaca-stream-proxy";

/** A built image. */
export interface BuiltImage extends UnpackedImage {
  /** On disk. */
  readonly bytes: number;
  /** To download: its files as one gzipped archive. */
  readonly packedBytes: number;
}

/** Builds into `folder` and unpacks into `folder`/root. */
export async function buildImage(
  buildah: string,
  folder: string,
): Promise<BuiltImage> {
  const b = (...args: string[]) =>
    run(buildah, [
      ...["--root", join(folder, "storage"), "--runroot", join(folder, "run")],
      ...["--storage-driver", "vfs", ...args],
    ], { env: { BUILDAH_ISOLATION: "chroot" } });
  const bases = await baseImages(b, folder);
  await b(
    "build",
    ...["--format", "docker", "-t", TAG],
    ...["--build-arg", `BUILD_IMAGE=${bases.build}`],
    ...["--build-arg", `RUNTIME_IMAGE=${bases.runtime}`],
    fileURLToPath(new URL("../../", import.meta.url)),
  );
  return await unpack(b, folder);
}

type Buildah = (...args: string[]) => Promise<{ stdout: string }>;

async function baseImages(
  b: Buildah,
  folder: string,
): Promise<{ build: string; runtime: string }> {
  const build = Deno.env.get("BUILD_IMAGE");
  const runtime = Deno.env.get("RUNTIME_IMAGE");
  if (build !== undefined && runtime !== undefined) return { build, runtime };
  const roots = await makeLocalBases(join(folder, "bases"));
  const names = { build: `${TAG}-build-base`, runtime: `${TAG}-runtime-base` };
  for (const kind of ["build", "runtime"] as const) {
    const container = (await b("from", "scratch")).stdout.trim();
    await b("add", "-q", container, roots[kind], "/");
    const env = [
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
      ...(kind === "build" ? ["DENO_TLS_CA_STORE=system,mozilla"] : []),
    ];
    await b("config", ...env.flatMap((pair) => ["--env", pair]), container);
    await b("commit", "-q", container, names[kind]);
    await b("rm", container);
  }
  return names;
}

async function unpack(b: Buildah, folder: string): Promise<BuiltImage> {
  const container = (await b("from", "--pull-never", TAG)).stdout.trim();
  const mounted = (await b("mount", container)).stdout.trim();
  const root = join(folder, "root");
  // The store itself is closed to the container's user.
  await run("cp", ["-a", mounted, root]);
  await run("chmod", ["755", folder]);
  await b("umount", container);
  await b("rm", container);
  const { Docker } = JSON.parse(
    (await b("inspect", "-t", "image", TAG)).stdout,
  );
  const config = Docker.config;
  return {
    root,
    user: config.User,
    env: config.Env,
    entrypoint: config.Entrypoint,
    command: config.Cmd,
    health: config.Healthcheck.Test.slice(1),
    labels: config.Labels,
    bytes: Number((await run("du", ["-sb", root])).stdout.split("\t")[0]),
    packedBytes: Number(
      (await run("sh", ["-c", 'tar -cC "$1" . | gzip | wc -c', "sh", root]))
        .stdout,
    ),
  };
}
