/**
 * Makes stand-ins for the public base images from Debian packages and the Deno
 * that runs this, for machines that reach a Debian mirror but no image registry.
 *
 * The runtime base has what the distroless one has: glibc, libgcc, certificates,
 * time zones, two users, no shell. The build base adds a shell and coreutils.
 * Package scripts do not run.
 *
 * @module
 */
import { join } from "node:path";
import { runProgram } from "./run_program.ts";

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
const CERTIFICATES = "etc/ssl/certs/ca-certificates.crt";
const PASSWD = "root:x:0:0:root:/root:/sbin/nologin\n" +
  "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n";

/** Root folders of the two base images. */
interface BaseRoots {
  readonly build: string;
  readonly runtime: string;
}

/** Makes both root folders below `folder`, which must not exist. */
export async function makeBaseRoots(folder: string): Promise<BaseRoots> {
  const packages = join(folder, "packages");
  await Deno.mkdir(packages, { recursive: true });
  await runProgram("apt-get", ["download", "-q", ...BUILD], {
    cwd: packages,
    seconds: 300,
  });
  const build = await makeRoot(
    { path: join(folder, "build"), packages },
    BUILD,
  );
  await Deno.copyFile(Deno.execPath(), join(build, "usr/bin/deno"));
  // The build downloads, perhaps through a gateway that this machine trusts.
  await Deno.copyFile(`/${CERTIFICATES}`, join(build, CERTIFICATES));
  const runtime = { path: join(folder, "runtime"), packages };
  return { build, runtime: await makeRoot(runtime, RUNTIME) };
}

/** Unpacks packages into a root folder. */
async function makeRoot(
  { path, packages }: { readonly path: string; readonly packages: string },
  names: readonly string[],
): Promise<string> {
  const sh = (script: string, ...args: string[]) =>
    runProgram("sh", ["-euc", script, "sh", ...args]);
  // /bin, /lib and others are links into /usr, as in Debian.
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    await Deno.mkdir(join(path, "usr", name), { recursive: true });
    await Deno.symlink(`usr/${name}`, join(path, name));
  }
  for (const { name: file } of Deno.readDirSync(packages)) {
    if (!names.some((name) => file.startsWith(`${name}_`))) continue;
    // Older packages contain a real /lib; tar must follow the link instead.
    await sh(
      'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"',
      join(packages, file),
      path,
    );
  }
  await sh(
    `cd "$1"
    mkdir -p etc/ssl/certs tmp home/nonroot proc dev sys
    chmod 1777 tmp
    find usr/share/ca-certificates -name '*.crt' -exec cat {} + > ${CERTIFICATES}
    rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/info`,
    path,
  );
  const files = {
    "etc/passwd": PASSWD,
    "etc/group": "root:x:0:\nnonroot:x:65532:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(path, name), text);
  }
  return path;
}
