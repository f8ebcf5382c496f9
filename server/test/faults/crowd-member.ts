import { LeanClient } from './lean-client.ts';
import { sharedClock } from './timing.ts';

/** What every crowd message says: `crowd-<number> <when it was sent>`; numbers rise by one. */
export const crowdKey = (number: number): string => `crowd-${String(number).padStart(7, '0')}`;
const crowdContent = /"content":"crowd-(\d+) ([\d.]+)/;

/** One of thousands who read what a single writer says, and count what is missing. */
export class CrowdMember {
  readonly #client: LeanClient;
  readonly #heard: (latency: number) => void;
  last = -1;
  gaps = 0;
  doubles = 0;
  lost = 0;
  /** Whether the newest connection was recovered. */
  recovered = false;

  constructor(url: string, token: string, heard: (latency: number) => void) {
    this.#heard = heard;
    this.#client = new LeanClient(url, token, {
      event: (frame) => this.#read(frame),
      lost: () => this.lost++,
    });
  }

  async open(): Promise<void> {
    await this.#client.open(60_000);
    this.recovered = this.#client.recovered;
  }

  cut(): void {
    this.#client.cut();
  }

  #read(frame: string): void {
    if (!frame.startsWith('42["message:received"')) return;
    const said = crowdContent.exec(frame);
    if (said === null) return;
    const number = Number(said[1]);
    if (number <= this.last) this.doubles++;
    else if (this.last >= 0 && number > this.last + 1) this.gaps++;
    this.last = Math.max(this.last, number);
    this.#heard(sharedClock() - Number(said[2]));
  }
}
