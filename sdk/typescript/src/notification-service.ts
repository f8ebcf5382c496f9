import type { AppGateway } from './app-gateway.ts';

export type Notification = Readonly<{ title: string; body: string }>;

/** Notifications that reach people now, or when they come back. */
export class NotificationService {
  readonly #gateway: Pick<AppGateway, 'push'>;

  constructor(gateway: Pick<AppGateway, 'push'>) {
    this.#gateway = gateway;
  }

  /**
   * Sends `notification` with title, body and the time. `sent`: the user has it. `saved`: the user is away and gets it at
   * the next connection, for seven days. `missed`: there is no such user, or 1,000 wait for them already.
   * Refuses `PushRefused`. The server decides, not the list of who is connected, which may be seconds old.
   */
  async sendNotification(userId: string, { title, body }: Notification): Promise<'sent' | 'saved' | 'missed'> {
    const timestamp = new Date().toISOString();
    const { success, queued = false } = await this.#gateway.push(userId, 'notification', { title, body, timestamp });
    if (success) return 'sent';
    return queued ? 'saved' : 'missed';
  }
}
