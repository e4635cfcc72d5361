/**
 * Builds the image with buildah and unpacks it into a folder.
 *
 * buildah with chroot isolation and the vfs driver needs root but no daemon and
 * no kernel feature. The variables `BUILD_IMAGE` and `RUNTIME_IMAGE` name the
 * base images; without them stand-ins are made of Debian packages.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeBaseRoots } from "./debian_base_images.ts";
import { runProgram } from "./run_program.ts";

const TAG = "localhost/alpaca-stream-proxy";
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** An image unpacked on disk. */
export interface UnpackedImage {
  /** Root folder of its files. */
  readonly root: string;
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** Command of the health check. */
  readonly health: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Size on disk. */
  readonly bytes: number;
  /** Size of the files as one gzipped archive. */
  readonly packedBytes: number;
}

type Buildah = (...args: string[]) => Promise<string>;

/** Builds in `folder` and unpacks into `folder`/root. */
export async function buildImage(folder: string): Promise<UnpackedImage> {
  const buildah: Buildah = async (...args) => {
    const { stdout } = await runProgram("buildah", [
      ...["--root", join(folder, "storage"), "--runroot", join(folder, "run")],
      ...["--storage-driver", "vfs", ...args],
    ], { env: { BUILDAH_ISOLATION: "chroot" } });
    return stdout.trim();
  };
  const bases = await baseImages(buildah, folder);
  await buildah(
    ...["build", "--format", "docker", "-t", TAG],
    ...["--build-arg", `BUILD_IMAGE=${bases.build}`],
    ...["--build-arg", `RUNTIME_IMAGE=${bases.runtime}`, ROOT],
  );
  return await unpack(buildah, folder);
}

async function baseImages(
  buildah: Buildah,
  folder: string,
): Promise<{ readonly build: string; readonly runtime: string }> {
  const build = Deno.env.get("BUILD_IMAGE");
  const runtime = Deno.env.get("RUNTIME_IMAGE");
  if (build !== undefined && runtime !== undefined) return { build, runtime };
  const roots = await makeBaseRoots(join(folder, "bases"));
  const names = { build: `${TAG}-build-base`, runtime: `${TAG}-runtime-base` };
  for (const kind of ["build", "runtime"] as const) {
    const container = await buildah("from", "scratch");
    await buildah("add", "-q", container, roots[kind], "/");
    const env = [
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
      ...(kind === "build" ? ["DENO_TLS_CA_STORE=system,mozilla"] : []),
    ];
    const flags = env.flatMap((pair) => ["--env", pair]);
    await buildah("config", ...flags, container);
    await buildah("commit", "-q", container, names[kind]);
    await buildah("rm", container);
  }
  return names;
}

async function unpack(
  buildah: Buildah,
  folder: string,
): Promise<UnpackedImage> {
  const container = await buildah("from", "--pull-never", TAG);
  const mounted = await buildah("mount", container);
  const root = join(folder, "root");
  // buildah's storage is not readable for the container's user.
  await runProgram("cp", ["-a", mounted, root]);
  await runProgram("chmod", ["755", folder]);
  await buildah("umount", container);
  await buildah("rm", container);
  const { Docker } = JSON.parse(await buildah("inspect", "-t", "image", TAG));
  const { config } = Docker;
  const size = async (script: string) => {
    const { stdout } = await runProgram("sh", ["-euc", script, "sh", root]);
    return Number.parseInt(stdout);
  };
  return {
    root,
    user: config.User,
    env: config.Env,
    entrypoint: config.Entrypoint,
    command: config.Cmd,
    health: config.Healthcheck.Test.slice(1),
    labels: config.Labels,
    bytes: await size('du -sb "$1"'),
    packedBytes: await size('tar -cC "$1" . | gzip | wc -c'),
  };
}
