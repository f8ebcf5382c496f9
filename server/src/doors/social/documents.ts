import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyPluginAsync } from 'fastify';
import type { Tokens } from 'marked';

/** One document of the repository: where it is served, and where it lies. */
type Document = Readonly<{ address: string; file: string; title: string; about: string; listed: boolean }>;

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

const main: readonly (readonly [address: string, file: string, title: string, about: string])[] = [
  ['readme', 'README.md', 'Read me', 'What it is, a first message, settings'],
  ['architecture', 'ARCHITECTURE.md', 'Architecture', 'The life of a message, where things go'],
  ['operate', 'docs/operate.md', 'Operate', 'Data folder, backup, upgrade, limits'],
  ['decisions', 'docs/decisions/README.md', 'Decisions', 'What was chosen, over what, and why'],
  ['bench', 'bench/README.md', 'Benchmarks', 'What was measured, and how'],
  ['contributing', 'CONTRIBUTING.md', 'Contributing', 'Run, test, check, add'],
  ['security', 'SECURITY.md', 'Security', 'How to report a hole'],
  ['threats', 'docs/threats.md', 'Threats', 'What is tried, what stops it, its test'],
  ['changelog', 'CHANGELOG.md', 'Changes', 'What each release brought'],
];

/** The fixed list of files that are served; nothing a request says is ever made into a path. */
const documents: readonly Document[] = [...main.map(listed), ...decisions()].filter(({ file }) =>
  existsSync(join(repository, file)),
);

function listed([address, file, title, about]: (typeof main)[number]): Document {
  return { address: `/docs/${address}`, file, title, about, listed: true };
}

function decisions(): Document[] {
  const folder = 'docs/decisions';
  if (!existsSync(join(repository, folder))) return [];
  const notes = readdirSync(join(repository, folder)).filter((name) => name.endsWith('.md') && name !== 'README.md');
  return notes.map((name) => {
    const file = `${folder}/${name}`;
    return { address: `/${file.slice(0, -3)}`, file, title: name.slice(0, -3), about: '', listed: false };
  });
}

/** Text as it may stand in HTML, attributes included. */
export const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');

const apiPage = { address: '/api/docs', title: 'API', about: 'Every request, to try out' };

/** List items that link to the page about the API where it is on, and to the main documents, each with a line about it. */
export const documentCards = ({ apiDocs }: { apiDocs: boolean }): string =>
  [...(apiDocs ? [apiPage] : []), ...documents.filter((document) => document.listed)]
    .map(
      ({ address, title, about }) => `<li><a href="${address}"><strong>${title}</strong><span>${about}</span></a></li>`,
    )
    .join('');

/** `/docs/…`: the repository's own Markdown files as pages. */
export const documentRoutes =
  (template: string): FastifyPluginAsync =>
  async (app) => {
    for (const document of documents) {
      // Read and rendered when somebody first asks, and kept: the files change with the program.
      let page: string | undefined;
      app.get(document.address, async (_request, reply) => {
        page ??= await render(document, template);
        return reply.type('text/html; charset=utf-8').send(page);
      });
    }
  };

async function render(document: Document, template: string): Promise<string> {
  // Only now: a server should be up before anybody's documentation is.
  const { Marked } = await import('marked');
  const markdown = readFileSync(join(repository, document.file), 'utf8');
  const article = new Marked({ renderer: rendererFor(document) }).parse(markdown, { async: false });
  const parts: Record<string, string> = { title: escapeHtml(document.title), documents: menu(document), article };
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name] ?? '');
}

const menu = (current: Document): string =>
  documents
    .filter((document) => document.listed)
    .map((document) => {
      const mark = document === current ? ' aria-current="page"' : '';
      return `<li><a href="${document.address}"${mark}>${document.title}</a></li>`;
    })
    .join('');

type Inline = { parser: { parseInline(tokens: Tokens.Generic[]): string } };

/** Markdown only: comments are dropped, other HTML in a file is shown as text, pictures are left out, and links lead to documents or outside. */
function rendererFor({ file }: Document) {
  return {
    heading(this: Inline, { tokens, depth, text }: Tokens.Heading): string {
      return `<h${depth} id="${anchorOf(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
    },
    html: ({ text }: Tokens.HTML | Tokens.Tag): string => (/^<!--.*-->\s*$/s.test(text) ? '' : escapeHtml(text)),
    image: ({ text }: Tokens.Image): string => escapeHtml(text),
    link(this: Inline, { href, tokens }: Tokens.Link): string {
      const target = targetOf(href, file);
      const words = this.parser.parseInline(tokens);
      return target === undefined ? words : `<a href="${escapeHtml(target)}">${words}</a>`;
    },
  };
}

/** As GitHub makes them: lower case, spaces to hyphens, punctuation dropped. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');

/** Where a link leads on this server; `undefined` for files that are not served. */
function targetOf(href: string, from: string): string | undefined {
  if (/^https?:\/\//.test(href) || href.startsWith('#')) return href;
  const [path = '', anchor] = href.split('#');
  const file = posix.normalize(posix.join(dirname(from), path));
  const document = documents.find((known) => known.file === file || known.file === posix.join(file, 'README.md'));
  if (document === undefined) return undefined;
  return anchor === undefined ? document.address : `${document.address}#${anchor}`;
}
