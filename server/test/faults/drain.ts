import { endAgainAndAgain } from './restarts.ts';
import type { FaultRun } from './run.ts';
import { median } from './timing.ts';
import { milliseconds } from './verdict.ts';

const within = 10_000;

export const drain: FaultRun = {
  name: 'drain',
  summary: 'SIGTERM under load, again and again: nothing in flight lost, exit 0 within 10 s',
  sabotage: 'acknowledge-before-commit',
  seenBy: 'no acknowledged message lost',
  rounds: { full: 50, short: 3 },
  run: async (context) => {
    const ended = await endAgainAndAgain(context, { signal: 'SIGTERM', chanceWhileStarting: 0 });
    const took = ended.map(({ tookMs }) => tookMs);
    const clean = ended.filter(({ code, tookMs }) => code === 0 && tookMs <= within).length;
    context.verdict.figure(
      'SIGTERM until exit, median / max',
      `${milliseconds(median(took))} / ${milliseconds(Math.max(...took))}`,
    );
    const codes = [...new Set(ended.map(({ code, signal }) => code ?? signal))].join(', ');
    context.verdict.demand(
      'exit 0 within 10 s each time',
      clean === context.rounds,
      `${clean} of ${context.rounds}; exits: ${codes}`,
    );
  },
};
