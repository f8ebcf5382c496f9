/** Loaded into a measured server by `--import`: a full garbage collection on SIGUSR2, so that memory figures are of what is kept. */
process.on('SIGUSR2', () => globalThis.gc?.());
