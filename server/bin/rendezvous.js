#!/usr/bin/env node
// The command `rendezvous`. Plain JavaScript, so that an old Node can read it and hand over to the Node 24 that
// `npm ci` installs beside the other packages.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 24;

if (Number(process.versions.node.split('.')[0]) >= OLDEST_NODE) {
  await import('../src/main.ts');
} else {
  const node = installedNode();
  if (node) {
    runWith(node);
  } else {
    console.error(
      `Rendezvous needs Node ${OLDEST_NODE} and this is Node ${process.versions.node}: run "npm ci --ignore-scripts=false" ` +
        `in the project's folder, which installs Node ${OLDEST_NODE} for it, or install Node ${OLDEST_NODE} yourself.`,
    );
    process.exitCode = 1;
  }
}

/** The Node binary of the package `node` in the nearest node_modules folder, or undefined. */
function installedNode() {
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  let folder = dirname(fileURLToPath(import.meta.url));
  while (folder !== dirname(folder)) {
    const candidate = join(folder, 'node_modules', 'node', 'bin', file);
    if (existsSync(candidate)) return candidate;
    folder = dirname(folder);
  }
  return undefined;
}

/** Runs this same command line with another Node and ends as that ends. */
function runWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // Ctrl-C in a terminal reaches the child by itself; a second one would look like impatience.
      if (signal === 'SIGINT' && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  child.on('error', (error) => {
    console.error(`Rendezvous could not start ${node}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exit(code === null ? 128 + constants.signals[signal] : code);
  });
}
