import type { Log } from '../infra/log/log.ts';
import { Metrics } from '../infra/metrics/metrics.ts';
import type { Search } from '../modules/search/index.ts';
import type { Live } from './live.ts';

type Watched = { log: Log; live: Live; search: Search };

/** What the server tells about itself beside its requests. */
export function watched({ log, live: { hub, delivery }, search }: Watched): Metrics {
  const metrics = new Metrics();
  metrics.gauge('sockets', 'Live connections of accounts', () => hub.connections);
  metrics.gauge('log_head', 'Number of the last row of the log', () => log.head());
  metrics.gauge(
    'log_delivered',
    'Number of the last row that was offered to live connections',
    () => delivery.delivered,
  );
  metrics.gauge('search_cursor', 'Number of the last row of the log that search has taken', () => search.cursor);
  metrics.gauge('search_lag_rows', 'Rows of the log that search has not taken yet', async () =>
    Math.max(0, (await log.head()) - search.cursor),
  );
  metrics.gauge('log_failures', 'Rows that a door or a reaction could not take', () => delivery.failures);
  return metrics;
}
