// Joins the metrics of several processes into one page: Prometheus' text form wants all samples of a family together under a
// single HELP and TYPE. The processes are told apart by a label of their own, so no two samples collide.

const OF_A_FAMILY = /^# (HELP|TYPE) (\S+)/;

export function mergeMetrics(texts: readonly string[]): string {
  const families = new Map<string, { about: string[]; samples: string[] }>();
  for (const text of texts) {
    let current = '';
    for (const line of text.split('\n')) {
      if (line === '' || line.startsWith('# EOF')) continue;
      const about = OF_A_FAMILY.exec(line);
      if (about) current = about[2] ?? '';
      const family = families.get(current) ?? { about: [], samples: [] };
      families.set(current, family);
      if (!about) family.samples.push(line);
      else if (!family.about.some((known) => known.startsWith(about[0]))) family.about.push(line);
    }
  }
  return [...families.values()].flatMap(({ about, samples }) => [...about, ...samples, '']).join('\n');
}
