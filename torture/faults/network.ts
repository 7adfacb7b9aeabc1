/** Faults of the network between two processes, and around one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { clients } from '../network/network.ts';
import type { Rig } from '../rig/rig.ts';

export async function cut(rig: Rig, a: string, b: string, ms: number): Promise<void> {
  rig.network.cut(a, b);
  await sleep(ms);
  rig.network.mend(a, b);
}

export async function oneWay(rig: Rig, from: string, to: string, ms: number): Promise<void> {
  rig.network.set(from, to, { held: true });
  await sleep(ms);
  rig.network.set(from, to, { held: false });
}

/** The connections that are there go half dead, and new ones are silent for a while. */
export async function halfOpen(rig: Rig, a: string, b: string, ms: number): Promise<void> {
  rig.network.halve(a, b);
  await oneWay(rig, a, b, ms);
}

/** Up to a little more than a heartbeat, both ways. */
export async function late(rig: Rig, a: string, b: string, ms: number, much: number): Promise<void> {
  const delayMs = Math.round(5 + much * 250);
  rig.network.set(a, b, { delayMs });
  rig.network.set(b, a, { delayMs });
  await sleep(ms);
  rig.network.set(a, b, { delayMs: 0 });
  rig.network.set(b, a, { delayMs: 0 });
}

export async function narrow(rig: Rig, a: string, b: string, ms: number, much: number): Promise<void> {
  const bytesPerSecond = Math.round(20_000 + much * 200_000);
  rig.network.set(a, b, { bytesPerSecond });
  rig.network.set(b, a, { bytesPerSecond });
  await sleep(ms);
  rig.network.set(a, b, { bytesPerSecond: Number.POSITIVE_INFINITY });
  rig.network.set(b, a, { bytesPerSecond: Number.POSITIVE_INFINITY });
}

/** From all other nodes and from the coordinators; with clients, nobody reaches it at all. */
export async function isolate(rig: Rig, name: string, ms: number, withClients: boolean): Promise<void> {
  const others = [...rig.nodes, ...rig.coordinators].map((each) => each.name).filter((each) => each !== name);
  if (withClients) others.push(clients);
  for (const other of others) rig.network.cut(name, other);
  await sleep(ms);
  for (const other of others) rig.network.mend(name, other);
}
