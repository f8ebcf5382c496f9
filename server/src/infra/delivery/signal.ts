/**
 * What goes past the log (typing, presence, pushes that are not durable): who has no live connection at this moment never
 * hears of it. It reaches every connection that reads one of the topics, each once, but those of the accounts in
 * `except`. One that is just arriving gets what is for its account itself as soon as it is live.
 */
export type Signal = Readonly<{ topics: readonly number[]; type: string; body: unknown; except?: readonly number[] }>;
