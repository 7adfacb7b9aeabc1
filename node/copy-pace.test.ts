import { expect, test } from 'vitest';
import { CopyPace } from './copy-pace.ts';

test('in the long run no more than the pace is sent, whatever the size of the chunks', () => {
  let mono = 0;
  const pace = new CopyPace(1, () => mono);
  let sent = 0;
  while (mono < 10_000) {
    mono += pace.waitMs;
    pace.spend(262_144);
    sent += 262_144;
    mono += 1;
  }
  const mebibytes = sent / 1_048_576;
  expect(mebibytes).toBeGreaterThan(9);
  expect(mebibytes).toBeLessThan(11);
});

test('a pause is not saved up', () => {
  let mono = 0;
  const pace = new CopyPace(1, () => mono);
  mono = 3_600_000;
  for (let i = 0; i < 8; i++) pace.spend(262_144);
  expect(pace.waitMs).toBeGreaterThan(1000);
});
