/** Packages whose older releases have a hole or a fault that the server would inherit, with the first good release. */
export const floors: Record<string, string> = {
  fastify: '5.12.2',
  ws: '8.21.0',
  'engine.io': '6.6.10',
  'socket.io-parser': '4.2.6',
  '@fastify/static': '10.1.4',
};

/** One installed package in a package-lock.json, as far as it is looked at. */
export type Entry = {
  version?: string;
  link?: boolean;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
};

/** The part of a package-lock.json that is looked at: packages by their path, such as `node_modules/ws`. */
export type Lock = { packages: Record<string, Entry> };

/**
 * What is wrong in the lock file: every installed copy older than its floor, nested ones too, and floors of packages
 * that are not there at all, because such a floor guards nothing.
 */
export function findOld(lock: Lock, wanted: Record<string, string>): string[] {
  return Object.entries(wanted).flatMap(([name, floor]) => {
    const copies = Object.entries(lock.packages).filter(
      ([path, entry]) => path.endsWith(`node_modules/${name}`) && entry.link !== true,
    );
    if (copies.length === 0) return [`${name} has a floor and is not installed`];
    return copies
      .filter(([, entry]) => isOlder(entry.version ?? '0.0.0', floor))
      .map(([path, entry]) => `${path} is ${entry.version} and must be ${floor} or newer`);
  });
}

/** Whether a version `major.minor.patch` is older than the floor; a pre-release of the floor itself is older too. */
function isOlder(version: string, floor: string): boolean {
  const [release = '', preRelease] = version.split('-');
  const have = release.split('.').map(Number);
  const want = floor.split('.').map(Number);
  for (const index of [0, 1, 2]) {
    const difference = (have[index] ?? 0) - (want[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return preRelease !== undefined;
}

/**
 * The entries that the lock file lacks for optional packages, by path. A registry that does not carry the binaries of
 * every platform makes npm leave them out in silence, and then `npm ci` refuses the lock file everywhere.
 *
 * An entry made here pins the version, without a checksum: npm adds that when it runs on such a platform.
 */
export function missingOptionals(lock: Lock): Record<string, Entry> {
  const missing: Record<string, Entry> = {};
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      // A range is npm's to resolve; binaries of a platform are always pinned by the package they belong to.
      if (!/^\d/.test(version) || placesFor(path, name).some((place) => place in lock.packages)) continue;
      missing[`node_modules/${name}`] = {
        version,
        ...(entry.dev ? { dev: true } : {}),
        optional: true,
        ...platformIn(name),
      };
    }
  }
  return missing;
}

/** Where Node looks for `name` when the package at `path` asks for it. */
function placesFor(path: string, name: string): string[] {
  const folders = [`${path}/node_modules/${name}`];
  for (let end = path.lastIndexOf('/node_modules/'); end > 0; end = path.lastIndexOf('/node_modules/', end - 1)) {
    folders.push(`${path.slice(0, end)}/node_modules/${name}`);
  }
  return [...folders, `node_modules/${name}`];
}

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

/** The `os`, `cpu` and `libc` that a name such as `@biomejs/cli-darwin-arm64` says; npm skips what does not fit the machine. */
function platformIn(name: string): Pick<Entry, 'os' | 'cpu' | 'libc'> {
  const words = name.split(/[-/]/);
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  const libc = Object.entries({ musl: 'musl', gnu: 'glibc' })
    .filter(([start]) => words.some((word) => word.startsWith(start)))
    .map(([, library]) => library);
  return {
    ...(os.length > 0 ? { os } : {}),
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(libc.length > 0 ? { libc } : {}),
  };
}
