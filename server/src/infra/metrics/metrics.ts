import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** How often the event loop's delay is looked at, in milliseconds. */
const resolution = 20;
const nanosecond = 1e-9;
const microsecond = 1e-6;

/** What this server counts and measures, in the text format of Prometheus. Names begin with `rendezvous_`. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'method' | 'route' | 'status'>;
  readonly #durations: Histogram<'method' | 'route'>;
  readonly #delay: ReturnType<typeof monitorEventLoopDelay>;

  constructor() {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: 'rendezvous_http_requests_total',
      help: 'Requests answered',
      labelNames: ['method', 'route', 'status'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'rendezvous_http_request_duration_seconds',
      help: 'Time until a request was answered',
      labelNames: ['method', 'route'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    });
    this.#delay = monitorEventLoopDelay({ resolution });
    this.#delay.enable();
    this.#measureDelay();
    this.#measureProcess();
  }

  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  /** `route`: its pattern, never an address, of which there is no end; `seconds`: until the answer had been sent. */
  request({
    method,
    route,
    status,
    seconds,
  }: {
    method: string;
    route: string;
    status: number;
    seconds: number;
  }): void {
    this.#requests.inc({ method, route, status });
    this.#durations.observe({ method, route }, seconds);
  }

  /** A value that is read when somebody looks. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void {
    new Gauge({
      name: `rendezvous_${name}`,
      help,
      registers: [this.#registry],
      async collect() {
        this.set(await read());
      },
    });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  close(): void {
    this.#delay.disable();
  }

  /** Since somebody last looked: a delay of long ago would stand there for ever. */
  #measureDelay(): void {
    const delay = this.#delay;
    new Gauge({
      name: 'rendezvous_event_loop_delay_seconds',
      help: 'How late timers were since the last look',
      labelNames: ['quantile'],
      registers: [this.#registry],
      collect() {
        for (const quantile of [50, 99, 100]) {
          const late = delay.percentile(quantile) * nanosecond - resolution / 1_000;
          this.set({ quantile: String(quantile / 100) }, Math.max(0, late));
        }
        delay.reset();
      },
    });
  }

  #measureProcess(): void {
    this.gauge('process_uptime_seconds', 'Since the process began', () => process.uptime());
    this.gauge('process_resident_memory_bytes', 'Memory of the process', () => process.memoryUsage.rss());
    this.gauge('process_heap_used_bytes', 'Heap in use', () => process.memoryUsage().heapUsed);
    this.gauge('process_cpu_seconds', 'Processor time used so far', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) * microsecond;
    });
  }
}
