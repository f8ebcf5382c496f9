import type { EventHandler } from '../../infra/sockets/sockets.ts';

/** What clients may emit, by name. Every event calls the same function as its REST twin. */
export type EventTable = readonly (readonly [name: string, handler: EventHandler])[];
