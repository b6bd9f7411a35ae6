// The architecture as a test: which room may know which.
const LIBRARY_FREE = '^services/(?!mesh/|onnx/)';

/** The rooms of services/mesh, each with the lower ones that it stands on. */
const ROOMS = [
  ['audit', []],
  ['bodies', []],
  ['observing', []],
  ['placement', []],
  ['release', []],
  ['trust', []],
  ['jobs', ['trust']],
  ['routing', ['placement', 'trust']],
  ['evidence', ['routing']],
  ['statistics', ['evidence']],
  ['calls', ['bodies', 'evidence', 'routing']],
];
const roomKnows = ([room, lower]) => ({
  name: `the-room-${room}-knows-lower-ones-alone`,
  severity: 'error',
  from: { path: `^services/mesh/${room}/` },
  to: { path: '^services/mesh/[^/]+/', pathNot: `^services/mesh/(${[room, ...lower].join('|')})/` },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'contracts-stand-alone',
      severity: 'error',
      comment: 'contracts import zod and nothing of ours, so a browser can load them',
      from: { path: '^contracts/' },
      to: { pathNot: ['^contracts/', 'node_modules/zod'] },
    },
    {
      name: 'services-meet-on-the-bus',
      severity: 'error',
      comment: 'a service never imports another service',
      from: { path: '^services/([^/]+)/', pathNot: '^services/(mesh|onnx)/' },
      to: { path: LIBRARY_FREE, pathNot: '^services/$1/' },
    },
    {
      name: 'libraries-know-no-service-nor-each-other',
      severity: 'error',
      from: { path: '^services/(mesh|onnx)/' },
      to: { path: '^(services|client|deploy|chaos-tests|bench)/', pathNot: '^services/$1/' },
    },
    {
      name: 'what-the-mesh-is-made-of-knows-no-room',
      severity: 'error',
      comment: 'the files of services/mesh itself lie below its rooms',
      from: { path: '^services/mesh/[^/]+\\.ts$' },
      to: { path: '^services/mesh/[^/]+/' },
    },
    ...ROOMS.map(roomKnows),
    {
      name: 'the-client-borrows-only-policies',
      severity: 'error',
      comment:
        'the client may use contracts and the pure policy files of mesh; its split also the toolkit of models',
      from: { path: '^client/', pathNot: '^client/(split/|commands/split\\.ts)' },
      to: { path: '^(services/(?!mesh/)|deploy|chaos-tests|bench)/' },
    },
    {
      name: 'the-split-borrows-the-toolkit',
      severity: 'error',
      from: { path: '^client/(split/|commands/split\\.ts)' },
      to: { path: '^(services/(?!mesh/|onnx/)|deploy|chaos-tests|bench)/' },
    },
    {
      name: 'the-client-ships-no-nest',
      severity: 'error',
      comment: 'client/nest.ts is the one door for Nest applications; nothing else of the client leads there',
      from: { path: '^client/', pathNot: '^client/nest\\.ts$' },
      to: { path: 'node_modules/@nestjs', reachable: true },
    },
    {
      name: 'test-tools-stay-in-tests',
      severity: 'error',
      comment: 'nothing that ships imports test tools, deploy, chaos-tests or bench',
      from: { path: '^(contracts|client|services)/', pathNot: '/testing/' },
      to: { path: '/testing/|^(deploy|chaos-tests|bench)/' },
    },
  ],
  options: {
    exclude: '\\.test\\.ts$|^dist/',
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
