/** The image, the same under a second name to roll to, and one with the load. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, words } from '../harness/run-command.ts';
import { root } from '../harness/settings.ts';
import type { TestCluster } from './cluster.ts';

export interface Images {
  readonly image: string;
  readonly next: string;
  readonly load: string;
}

const docker = words(process.env.E2E_DOCKER || 'docker');
/** Further flags of `docker build`, such as `--network host`. */
const flags = words(process.env.E2E_BUILD_FLAGS ?? '');

/**
 * Builds them, unless they are to be taken as they are. Their tags hold the beginning of the digest: a machine that has
 * an image of the same name would not take the new one. @throws Error with the output of a build that fails
 */
export async function buildImages(build: boolean, say: (text: string) => void): Promise<Images> {
  say(build ? 'building the image' : 'taking the images as they are');
  if (build) await buildOne(['--tag', 'chaincluster:e2e', root]);
  const { stdout } = await run([...docker, 'image', 'inspect', '--format', '{{.Id}}', 'chaincluster:e2e']);
  const tag = `chaincluster:e2e-${stdout.trim().replace('sha256:', '').slice(0, 12)}`;
  const images = { image: tag, next: `${tag}-next`, load: `${tag}-load` };
  if (!build) return images;
  await run([...docker, 'tag', 'chaincluster:e2e', images.image]);
  for (const target of ['next', 'load'] as const) {
    const of = ['--build-arg', `IMAGE=${images.image}`, '--tag', images[target], join(root, 'e2e')];
    await buildOne(['--target', target, ...of]);
  }
  return images;
}

async function buildOne(args: readonly string[]): Promise<void> {
  await run([...docker, 'build', ...flags, ...args], { timeoutMs: 900_000, env: { DOCKER_BUILDKIT: '1' } });
}

export async function loadImages(
  images: Images,
  cluster: TestCluster,
  say: (text: string) => void,
): Promise<void> {
  say(`putting ${images.image} on every machine`);
  const folder = await mkdtemp(join(tmpdir(), 'chaincluster-e2e-'));
  try {
    const archive = join(folder, 'images.tar');
    const save = [...docker, 'save', '--output', archive, images.image, images.next, images.load];
    await run(save, { timeoutMs: 300_000 });
    await run([...cluster.load, archive], { timeoutMs: 600_000, cwd: root });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
