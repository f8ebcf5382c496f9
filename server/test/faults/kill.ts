import { endAgainAndAgain } from './restarts.ts';
import type { FaultRun } from './run.ts';

export const kill: FaultRun = {
  name: 'kill',
  summary: 'SIGKILL under load, again and again: nothing acknowledged lost, nothing twice, order kept for every reader',
  sabotage: 'acknowledge-before-commit',
  seenBy: 'no acknowledged message lost',
  rounds: { full: 100, short: 5 },
  run: async (context) => {
    const ended = await endAgainAndAgain(context, { signal: 'SIGKILL', chanceWhileStarting: 0.1 });
    const killed = ended.filter(({ signal }) => signal === 'SIGKILL').length;
    context.verdict.demand(
      'it was killed as often as asked',
      killed === context.rounds,
      `${killed} of ${context.rounds}`,
    );
  },
};
