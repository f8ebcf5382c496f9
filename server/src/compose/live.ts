import { Cursors } from '../infra/delivery/cursors.ts';
import { Delivery } from '../infra/delivery/delivery.ts';
import { Recent } from '../infra/delivery/recent.ts';
import { Replay, type ReplayOptions } from '../infra/delivery/replay.ts';
import { SocketGate } from '../infra/sockets/gate.ts';
import { Hub } from '../infra/sockets/hub.ts';
import type { Ground } from './ground.ts';

export type LiveOptions = {
  /** Replaces the part that brings returning clients up to date; the fault runs show that a broken one is noticed. */
  replayWith?: ((options: ReplayOptions) => Replay) | undefined;
};

export type Live = Readonly<{ gate: SocketGate; recent: Recent; delivery: Delivery; cursors: Cursors; hub: Hub }>;

/** From the log to the sockets: what a commit brings, and what those missed who come back. */
export async function buildLive(ground: Ground, { replayWith }: LiveOptions): Promise<Live> {
  const { config, storage, logger, bus, onFailure } = ground;
  const { sql, log } = storage;
  const gate = new SocketGate(onFailure);
  const recent = new Recent(await log.head());
  const delivery = new Delivery({
    log,
    recent,
    gate,
    sendBuffer: config.SEND_BUFFER,
    onFailure: (row, error) => logger.error({ err: error, seq: row.seq, type: row.type }, 'row not delivered'),
  });
  const replayOptions = { log, recent, delivery, gate, onFailure };
  const replay = replayWith === undefined ? new Replay(replayOptions) : replayWith(replayOptions);
  const cursors = new Cursors({ sql, log, feedsOf: (account) => delivery.feedsOf(account), onFailure });
  const perAccount = config.RATE_LIMITS === 'off' ? Number.POSITIVE_INFINITY : config.SOCKETS_PER_ACCOUNT;
  const hub = new Hub({ log, delivery, replay, cursors, replayMax: config.REPLAY_MAX, perAccount });
  log.committed = (rows) => {
    try {
      bus.announce(rows);
    } catch (error) {
      // They are committed, and their writers must hear so; the delivery loop finds them by itself.
      onFailure(error);
    }
  };
  bus.onAnnounced((rows) => delivery.take(rows));
  bus.onSignal((signal) => delivery.signal(signal));
  return { gate, recent, delivery, cursors, hub };
}
