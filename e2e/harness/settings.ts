/** What e2e/run.ts hands on to the stories, through the environment. */
import { join } from 'node:path';

const value = (name: string, fallback: string): string => process.env[name] || fallback;

export const root = join(import.meta.dirname, '../..');

export const settings = {
  image: value('E2E_IMAGE', 'chaincluster:e2e'),
  nextImage: value('E2E_NEXT_IMAGE', 'chaincluster:e2e-next'),
  loadImage: value('E2E_LOAD_IMAGE', 'chaincluster:e2e-load'),
  /** Namespace of the operator. */
  operatorNamespace: value('E2E_OPERATOR_NAMESPACE', 'e2e-operator'),
  /** Namespaces in which the operator may act; both enforce the restricted Pod Security profile. */
  namespace: value('E2E_NAMESPACE', 'e2e'),
  spareNamespace: value('E2E_SPARE_NAMESPACE', 'e2e-spare'),
  release: 'chaincluster',
  /** Command that stops and cuts machines of the cluster; '' = there is none. */
  faults: value('E2E_FAULTS', ''),
  helm: value('E2E_HELM', 'helm'),
  short: process.env.E2E_SHORT === 'true',
  /** Where failing stories leave what can be known. */
  out: value('E2E_OUT', join(root, 'e2e/out')),
} as const;
