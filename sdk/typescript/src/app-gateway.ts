import { PushApi, type PushApiOptions, textsIn } from './push-api.ts';
import { PushRefused } from './push-refused.ts';

export type AppGatewayOptions = PushApiOptions &
  Readonly<{
    /** Milliseconds between two looks at who is connected; 5,000 when it is not given. */
    refreshEvery?: number;
    /** What could not be looked up, or sent by `sendMessageToUser`; without it, it is written to the console. */
    onFailure?: (error: unknown) => void;
  }>;

/** `durable`: keep the event for who is away, seven days at most; the event `notification` is kept in any case. */
export type PushOptions = Readonly<{ durable?: boolean }>;

/** What became of a push. `success`: it was delivered, or is kept as `durable` asked. `queued`: it is kept, or could not be. */
export type Pushed = Readonly<{ success: boolean; message: string; queued?: boolean }>;

/** By user id. `offline` are all who were not there; `queued` are those of them for whom it is kept. */
export type PushedToMany = Readonly<{ delivered: string[]; queued: string[]; offline: string[] }>;

/** What was learned so many refreshes ago is no longer taken for true. */
const trustedFor = 3;

/**
 * The gateway as a service of your back end. `isUserConnected` answers at once, from a list of who is connected that is
 * fetched every few seconds: it is as old as `age` says, up to `refreshEvery` and a request while the server answers.
 * When it does not, the list counts for three times `refreshEvery`; then nobody is known to be connected.
 */
export class AppGateway {
  readonly #api: PushApi;
  readonly #refreshEvery: number;
  readonly #onFailure: (error: unknown) => void;
  #connected: ReadonlySet<string> = new Set();
  #learnedAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setInterval> | undefined;
  #refreshing: Promise<void> | undefined;
  /** The key was not taken when it was last asked. */
  #refused: PushRefused | undefined;

  constructor({ refreshEvery = 5_000, onFailure = console.error, ...api }: AppGatewayOptions) {
    this.#api = new PushApi(api);
    this.#refreshEvery = refreshEvery;
    this.#onFailure = onFailure;
  }

  /**
   * Fetches who is connected, and from then on regularly; the timer does not keep the process alive. Refuses `PushRefused`
   * when the server does not take the key (401) or its scopes (403): that does not mend itself, and no timer runs then.
   */
  async start(): Promise<void> {
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => void this.refresh(), this.#refreshEvery);
      // Where timers are numbers there is nothing to keep alive.
      if (typeof this.#timer === 'object') this.#timer.unref();
    }
    await this.refresh();
    if (this.#refused === undefined) return;
    this.close();
    throw this.#refused;
  }

  /** Called by NestJS. */
  onModuleInit(): Promise<void> {
    return this.start();
  }

  /** Called by NestJS. */
  onModuleDestroy(): void {
    this.close();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Whether the user had a live connection `age` milliseconds ago. `checkUserConnected` asks the server. */
  isUserConnected(userId: string): boolean {
    return this.#known().has(userId.toLowerCase());
  }

  /** Who was connected `age` milliseconds ago. */
  getConnectedUsers(): string[] {
    return [...this.#known()];
  }

  /** Milliseconds since the list of who is connected was fetched; `Infinity` before the first time. */
  get age(): number {
    return performance.now() - this.#learnedAt;
  }

  /** Fetches who is connected now. A failure goes to `onFailure`, and the list stays as it is. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#fetchConnected().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Whether the user has a live connection now, by the server. */
  async checkUserConnected(userId: string): Promise<boolean> {
    return (await this.#api.get(`status/${encodeURIComponent(userId)}`))['connected'] === true;
  }

  /** Sends an event with any JSON value to every connection of a user. Refuses `PushRefused`. */
  async push(userId: string, event: string, message: unknown, options: PushOptions = {}): Promise<Pushed> {
    const { success, message: said, queued } = await this.#api.post('send', { ...options, userId, event, message });
    return {
      success: success === true,
      message: String(said),
      ...(typeof queued === 'boolean' ? { queued } : {}),
    };
  }

  /**
   * The same without a rejection, so that nobody has to wait for it: whether it was delivered, or is kept. What went wrong
   * goes to `onFailure`.
   */
  async sendMessageToUser(userId: string, event: string, message: unknown, options?: PushOptions): Promise<boolean> {
    try {
      const { success, queued = false } = await this.push(userId, event, message, options);
      return success || queued;
    } catch (error) {
      this.#onFailure(error);
      return false;
    }
  }

  /** Sends one event to at most 1,000 users. Refuses `PushRefused`. */
  async sendMessageToUsers(
    userIds: readonly string[],
    event: string,
    message: unknown,
    options: PushOptions = {},
  ): Promise<PushedToMany> {
    const { delivered, queued, offline } = await this.#api.post('send-many', { ...options, userIds, event, message });
    return { delivered: textsIn(delivered), queued: textsIn(queued), offline: textsIn(offline) };
  }

  #known(): ReadonlySet<string> {
    // Nobody waits for it; `onFailure` has been told.
    if (this.#timer === undefined) this.start().catch(() => undefined);
    return this.age <= trustedFor * this.#refreshEvery ? this.#connected : new Set();
  }

  async #fetchConnected(): Promise<void> {
    const asked = performance.now();
    try {
      const { connectedUsers } = await this.#api.get('connected');
      this.#connected = new Set(textsIn(connectedUsers));
      this.#learnedAt = asked;
      this.#refused = undefined;
    } catch (error) {
      this.#refused = keyRefusalOf(error);
      this.#onFailure(this.#refused ?? error);
    }
  }
}

/** In words that say what to do: the server's own tell whoever asks no more than they need to know. */
function keyRefusalOf(error: unknown): PushRefused | undefined {
  if (!(error instanceof PushRefused)) return undefined;
  const { status } = error;
  if (status === 401) return new PushRefused(status, 'The server does not know this service key, or it was revoked');
  if (status === 403) return new PushRefused(status, 'This service key lacks the scope push:read');
  return undefined;
}
