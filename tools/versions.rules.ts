/** Packages whose older releases have a hole or a fault that the server would inherit, with the first good release. */
export const floors: Record<string, string> = {
  fastify: '5.12.2',
  ws: '8.21.0',
  'engine.io': '6.6.10',
  'socket.io-parser': '4.2.6',
  '@fastify/static': '10.1.4',
};

/** The part of a package-lock.json that is looked at. */
export type Lock = { packages: Record<string, { version?: string; link?: boolean }> };

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
