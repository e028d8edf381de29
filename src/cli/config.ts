import { say } from '../composition/terminal.ts';
import type { describeConfig } from '../config/reader.ts';
import { sayTable } from './common.ts';
import { type Cli, type Output, printing } from './context.ts';

/** `manam config` */
export function addConfigCommand(
  { program }: Cli,
  describe: () => Promise<ReturnType<typeof describeConfig>>,
): void {
  printing(
    program.command('config').description('every key of the configuration, its value and its source'),
    'config',
  ).action(async (options: Output) => {
    const lines = await describe();
    if (options.json) return say(JSON.stringify(lines, undefined, 2));
    sayTable(
      ['key', 'value', 'source', 'meaning'],
      lines.map(({ key, value, source, meaning }) => [key, value || '-', source, meaning]),
    );
  });
}
