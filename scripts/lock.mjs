// Completes package-lock.json. npm leaves out optional packages for other platforms when the registry at hand does not
// have them, and then `npm ci` refuses the file everywhere. Here they stand with the version that their parent names.

const SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const PROCESSORS = ["arm64", "arm", "ia32", "ppc64", "riscv64", "s390x", "x64"];

/** The text of a lock file with every optional dependency in it. */
export function completeLock(text) {
  const lock = JSON.parse(text);
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const words = name.split(/[-/]/);
      const system = SYSTEMS.find((word) => words.includes(word));
      if (path === "" || system === undefined || lock.packages[`node_modules/${name}`] !== undefined) continue;
      const cpu = PROCESSORS.filter((word) => words.includes(word));
      const libc = words.some((word) => word.startsWith("musl"))
        ? ["musl"]
        : system === "linux"
          ? ["glibc"]
          : undefined;
      lock.packages[`node_modules/${name}`] = {
        version,
        ...(cpu.length > 0 ? { cpu } : {}),
        ...(entry.dev ? { dev: true } : {}),
        ...(libc ? { libc } : {}),
        optional: true,
        os: [system],
      };
    }
  }
  const names = Object.keys(lock.packages).sort((a, b) => a.localeCompare(b, "en"));
  return `${JSON.stringify({ ...lock, packages: Object.fromEntries(names.map((name) => [name, lock.packages[name]])) }, undefined, 2)}\n`;
}
