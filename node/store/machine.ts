/** Which boot of which machine this is. */
import { readFile } from 'node:fs/promises';

/** The boot id of the operating system (Linux), the same for all its processes; null where there is none. */
export async function machineBoot(): Promise<string | null> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    return null;
  }
}
