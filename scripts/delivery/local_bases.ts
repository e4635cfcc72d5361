/**
 * Stand-ins for the public base images, made of Debian packages and of the Deno
 * that runs this: for machines that reach a Debian mirror and no image registry.
 *
 * The runtime base has what a distroless one has: glibc, libgcc, certificates,
 * time zones, two lines of passwd, no shell. The build base adds a shell and
 * coreutils. Nothing of either is configured by a package script.
 *
 * @module
 */
import { join } from "node:path";
import { run } from "./tools.ts";

const RUNTIME = ["libc6", "libgcc-s1", "ca-certificates", "tzdata", "netbase"];
const BUILD = [
  ...RUNTIME,
  "dash",
  "coreutils",
  "libselinux1",
  "libpcre2-8-0",
  "libacl1",
  "libattr1",
  "libgmp10",
];

/** Two root folders. */
export interface Bases {
  readonly build: string;
  readonly runtime: string;
}

/** Makes both roots below `folder`, from the packages of this machine's Debian. */
export async function makeLocalBases(folder: string): Promise<Bases> {
  await Deno.remove(folder, { recursive: true }).catch(() => {}); // none yet
  const packages = join(folder, "packages");
  await Deno.mkdir(packages, { recursive: true });
  await run("apt-get", ["download", "-q", ...BUILD], {
    cwd: packages,
    seconds: 300,
  });
  const files = [...Deno.readDirSync(packages)].map((entry) => entry.name);
  const root = async (name: string, wanted: readonly string[]) => {
    const path = join(folder, name);
    await usrMerged(path);
    for (const file of files) {
      if (!wanted.some((one) => file.startsWith(`${one}_`))) continue;
      // Older packages have a real /lib: it must go through the link.
      await run("sh", [
        "-c",
        'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"',
        "sh",
        join(packages, file),
        path,
      ]);
    }
    await finish(path);
    return path;
  };
  const build = await root("build-root", BUILD);
  await Deno.copyFile(Deno.execPath(), join(build, "usr/bin/deno"));
  // The build downloads, perhaps through a gateway that this machine trusts.
  const trusted = "etc/ssl/certs/ca-certificates.crt";
  await Deno.copyFile(`/${trusted}`, join(build, trusted));
  return { build, runtime: await root("runtime-root", RUNTIME) };
}

/** /bin, /lib and their like as links into /usr, as Debian has them. */
async function usrMerged(path: string): Promise<void> {
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    await Deno.mkdir(join(path, "usr", name), { recursive: true });
    await Deno.symlink(`usr/${name}`, join(path, name));
  }
}

async function finish(path: string): Promise<void> {
  for (
    const name of ["etc/ssl/certs", "tmp", "home/nonroot", "proc", "dev", "sys"]
  ) {
    await Deno.mkdir(join(path, name), { recursive: true });
  }
  await Deno.chmod(join(path, "tmp"), 0o1777);
  await run("sh", [
    "-c",
    `find ${path}/usr/share/ca-certificates -name '*.crt' -exec cat {} + ` +
    `> ${path}/etc/ssl/certs/ca-certificates.crt; ` +
    `rm -rf ${path}/usr/share/doc ${path}/usr/share/man ${path}/usr/share/locale ${path}/usr/share/info`,
  ]);
  await Deno.writeTextFile(
    join(path, "etc/passwd"),
    "root:x:0:0:root:/root:/sbin/nologin\n" +
      "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
  );
  await Deno.writeTextFile(
    join(path, "etc/group"),
    "root:x:0:\nnonroot:x:65532:\n",
  );
  await Deno.writeTextFile(
    join(path, "etc/nsswitch.conf"),
    "hosts: files dns\n",
  );
}
