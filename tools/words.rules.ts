// What must not stand in a committed file: a path of the machine it was written on, the address of a package registry,
// or a file outside the repository.

type Rule = { says: string; pattern: RegExp };

/** Spelled so that this file does not contain what it forbids. */
const rules: Rule[] = [
  { says: 'a path of one machine', pattern: /(?<![\w.~-])\/(?:work|root|home\/[a-z][\w.-]*|Users\/\w[\w.-]*)\/[\w.]/ },
  { says: 'a path of one machine', pattern: /\b[A-Z]:\\\\?Users\\/ },
  { says: 'a path outside the repository', pattern: /\.\.\/shared(?![\w-])/ },
  {
    says: 'the address of a package registry',
    pattern: /https?:\/\/[^\s"'`<>/]*(?:registry|artifactory|verdaccio|nexus|pypi|goproxy)[^\s"'`<>/]*/i,
  },
  { says: 'the address of a package registry', pattern: /["']?resolved["']?:\s*["']https?:/ },
  { says: 'the address of a package registry', pattern: /^\s*(?:@[\w-]+:)?registry\s*=/m },
];

/** One finding, as `file:line: what (the text)`; the line counts from 1. */
export function findWords(file: string, text: string, forbiddenHosts: string[] = []): string[] {
  const findings: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    for (const rule of rules) {
      const hit = rule.pattern.exec(line);
      if (hit) findings.push(`${file}:${index + 1}: ${rule.says} (${hit[0].trim()})`);
    }
    for (const host of forbiddenHosts) {
      if (line.includes(host)) findings.push(`${file}:${index + 1}: the address of a package registry (${host})`);
    }
  }
  return findings;
}
