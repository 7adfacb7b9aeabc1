// The arrows between folders: a folder may import itself and what its line names, nothing else.
const arrows = {
  protocol: [],
  proto: [],
  manifest: [],
  transport: ['protocol', 'proto'],
  process: ['protocol', 'transport'],
  node: ['protocol', 'proto', 'transport', 'process'],
  coordinator: ['protocol', 'proto', 'transport', 'process'],
  client: ['protocol', 'proto', 'transport'],
  operator: ['protocol', 'manifest'],
  local: ['process', 'node', 'coordinator', 'client', 'manifest'],
  cli: ['client', 'local', 'manifest'],
  'cluster-test': ['protocol', 'transport', 'process', 'node', 'coordinator', 'client', 'cli'],
  sim: ['protocol'],
  bench: ['client', 'protocol', 'transport', 'node', 'operator', 'manifest'],
  torture: [
    'client',
    'protocol',
    'transport',
    'process',
    'node',
    'coordinator',
    'local',
    'manifest',
    'cluster-test',
    'sim',
    'bench',
  ],
  e2e: ['client', 'sim', 'coordinator'],
};

const folders = Object.keys(arrows).join('|');
const tests = '\\.test\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(arrows).map(([folder, allowed]) => ({
      name: `arrows-of-${folder}`,
      comment: `${folder} may import ${allowed.join(', ') || 'no other folder'}; the table is in .dependency-cruiser.cjs`,
      severity: 'error',
      from: { path: `^${folder}/` },
      to: { path: `^(${folders}|scripts|bin)/`, pathNot: `^(${[folder, ...allowed].join('|')})/` },
    })),
    {
      name: 'operator-knows-words-only',
      comment: 'The operator speaks of the protocol (names, limits, timings) and decides nothing of it.',
      severity: 'error',
      from: { path: '^operator/' },
      to: { path: '^protocol/', pathNot: '^protocol/(words|errors|limits|slots|timings)\\.ts$' },
    },
    {
      name: 'operator-takes-parts-of-the-kubernetes-library',
      comment:
        'All of it is 900 generated classes and 80 MB of memory; operator/runtime/kube-access.ts loads it when it must.',
      severity: 'error',
      from: { path: '^operator/', pathNot: tests },
      to: {
        path: 'node_modules/@kubernetes/client-node/',
        pathNot: '/client-node/dist/(config_types|exec_auth|file_auth)\\.(js|d\\.ts)$',
        dependencyTypesNot: ['type-only'],
        dynamic: false,
      },
    },
    {
      name: 'protocol-is-pure',
      comment: 'The core has no clock, socket, disk or library: only the checksum of node:zlib.',
      severity: 'error',
      from: { path: '^protocol/', pathNot: tests },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'],
        pathNot: '^(node:)?zlib$',
      },
    },
    {
      name: 'drivers-see-contracts-only',
      comment:
        'What a driver decides the simulator never sees: nodes and coordinators take events in and effects out (contract.ts), and people see view().',
      severity: 'error',
      from: { path: '^(node|coordinator|client|operator|process|transport|cli|local)/' },
      to: {
        path: '^protocol/(node|coordinator|replica)/',
        pathNot: '^protocol/(node/(contract|node)|coordinator/(contract|coordinator))\\.ts$',
      },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one idea, or hide a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment: 'The import leads nowhere: a missing file, or a package that package.json does not name.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-import-of-tests',
      comment: 'What several tests share belongs in a file of its own that is no test.',
      severity: 'error',
      from: {},
      to: { path: tests },
    },
    {
      name: 'no-development-packages-in-the-product',
      comment: 'An image is installed without development packages.',
      severity: 'error',
      from: {
        path: '^(protocol|proto|manifest|transport|process|node|coordinator|client|operator|local|cli)/',
        pathNot: tests,
      },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(coverage|helm|docs|\\.chaincluster|\\.results)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
