import { Command } from 'commander';
import { readConfig } from './config.ts';
import { serve } from './serve.ts';

const program = new Command('rendezvous').description('One self-hosted program where people meet.');
program.command('serve').description('Start the server').action(() => serve(readConfig()));
await program.parseAsync();
