/** Reads the cluster's file again when it changes. */
import type { Log } from '../transport/log.ts';
import { type ClusterFile, readClusterFile } from './cluster-file.ts';

/**
 * Looks every `everyMs` and tells each content that differs from the one before; a broken file is logged once and changes
 * nothing. By time and not by notification: a mounted ConfigMap is replaced through symbolic links. Returns what ends it.
 */
export function watchConfig(
  path: string,
  log: Log,
  tell: (file: ClusterFile) => void,
  everyMs = 1000,
): () => void {
  let last = '';
  let looking = false;
  const look = async (): Promise<void> => {
    let seen: string;
    try {
      const file = await readClusterFile(path);
      seen = JSON.stringify(file);
      if (last !== '' && seen !== last) {
        log('info', 'config.changed', { path });
        tell(file);
      }
    } catch (error) {
      seen = (error as Error).message;
      if (seen !== last) log('error', 'config.refused', { path, why: seen });
    }
    last = seen;
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => {
      looking = false;
    });
  }, everyMs);
  timer.unref();
  void look();
  return () => clearInterval(timer);
}
