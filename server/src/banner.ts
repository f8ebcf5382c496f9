import { resolve } from 'node:path';
import { styleText } from 'node:util';
import { type Config, databasePlace } from './config.ts';

export type BannerFacts = Readonly<{
  config: Config;
  social: string;
  /** Whether anybody has made an account yet. */
  inhabited: boolean;
}>;

type Style = (format: 'bold' | 'dim' | 'cyan', text: string) => string;

/** Styled where stdout is a terminal that wants it (NO_COLOR is heeded), plain text elsewhere. */
const styled: Style = (format, text) => styleText(format, text, { stream: process.stdout });

/** What a person wants to know once the server listens. Scripts read the line `social   http://host:port`. */
export function banner({ config, social, inhabited }: BannerFacts, style: Style = styled): string {
  const { NODE_ENV, DATA_DIR, DATABASE_URL } = config;
  const production = NODE_ENV === 'production';
  const database = DATABASE_URL === undefined ? 'SQLite' : `PostgreSQL, ${databasePlace(DATABASE_URL) ?? ''}`;
  const row = (name: string, value: string, remark: string): string =>
    `  ${style('dim', name.padEnd(9))}${value}${remark === '' ? '' : `  ${style('dim', remark)}`}`;
  const steps = firstSteps({ production, inhabited, social });
  return [
    '',
    `  ${style('bold', 'Rendezvous')} is running. Ctrl-C ends it.`,
    '',
    row('social', style('cyan', social), 'REST /api/v1, Socket.IO, WebSocket /ws'),
    row('data', resolve(DATA_DIR), database),
    row('profile', NODE_ENV, production ? '' : 'for this machine only'),
    '',
    ...steps.map((step) => `  ${step}`),
    ...(steps.length === 0 ? [] : ['']),
    '',
  ].join('\n');
}

type Situation = { production: boolean; inhabited: boolean; social: string };

function firstSteps({ production, inhabited, social }: Situation): string[] {
  if (production) {
    return inhabited ? [] : ['There is no administrator yet: npx rendezvous admin create --email you@example.org'];
  }
  const open = `Open ${social} in a browser to try it; README.md goes on from there.`;
  return inhabited ? [open] : [open, 'The first account that is made becomes the administrator.'];
}
