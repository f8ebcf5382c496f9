import { loopbackHost } from '../http/origin.ts';
import type { Mail } from './mail.ts';

/** How long one letter may take, from the first packet to the last answer, in milliseconds. */
const patience = 20_000;

/**
 * Sends through the server of a URL like smtp://user:password@mail.example.org:587, which may carry nodemailer's options
 * as its query. TLS is insisted on, except towards this machine: a letter may hold a secret.
 */
export function smtpMail(url: string, from: string | undefined, within = patience): Mail {
  const { hostname } = new URL(url);
  const options = {
    url,
    requireTLS: !loopbackHost.test(hostname),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
  // Most servers send no mail, and its code is a twentieth of the start.
  const loading = import('nodemailer').then(({ createTransport }) => createTransport(options));
  const sender = from ?? `rendezvous@${hostname}`;
  return {
    async send({ to, subject, text }, signal) {
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(within)]);
      // As an object: an address in a text could name several people.
      const transport = await loading;
      await transport.sendMail({ from: sender, to: { name: '', address: to }, subject, text, signal: inTime });
    },
  };
}
