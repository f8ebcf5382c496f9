/** Plain text to one person. */
type Letter = Readonly<{ to: string; subject: string; text: string }>;

export interface Mail {
  /**
   * Fulfilled once a mail server has taken the letter. Rejects when it did not within 20 seconds, however it spends them, and as
   * soon as the signal fires; no connection is left then, and whether the server took it is not known.
   */
  send(letter: Letter, signal: AbortSignal): Promise<void>;
}
