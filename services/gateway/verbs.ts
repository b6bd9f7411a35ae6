// Which verbs each path of the REST door takes: only to tell a wrong verb (405) from a wrong path (404). The routes themselves
// stand at the controllers, and a test holds the two together.

const READ = ['GET', 'HEAD'] as const;
const SEND = ['POST'] as const;

const PATHS: readonly (readonly [pattern: RegExp, verbs: readonly string[]])[] = [
  [/^\/v2$/, READ],
  [/^\/v2\/health\/(live|ready)$/, READ],
  [/^\/v2\/models(\/stats)?$/, READ],
  [/^\/v2\/models\/[^/]+(\/versions\/[^/]+)?(\/(ready|config|stats))?$/, READ],
  [/^\/v2\/models\/[^/]+(\/versions\/[^/]+)?\/infer$/, SEND],
  [/^\/v2\/repository\/(index|models\/[^/]+\/(load|unload))$/, SEND],
  [/^\/v2\/releases$/, ['GET', 'HEAD', 'POST']],
  [/^\/v2\/releases\/[^/]+(\/history)?$/, READ],
  [/^\/v2\/releases\/[^/]+\/(pause|resume|promote|abort)$/, SEND],
  [/^\/v2\/versions\/[^/]+\/history$/, READ],
  [/^\/v2\/feedback$/, SEND],
  [/^\/v2\/train\/(jobs|datasets)$/, [...READ, ...SEND]],
  [/^\/v2\/train\/jobs\/[^/]+(\/report)?$/, READ],
  [/^\/v2\/train\/jobs\/[^/]+\/cancel$/, SEND],
  [/^\/(metrics|healthz)$/, READ],
];

export function verbsOf(path: string): readonly string[] | undefined {
  return PATHS.find(([pattern]) => pattern.test(path.replace(/\/$/, '')))?.[1];
}
