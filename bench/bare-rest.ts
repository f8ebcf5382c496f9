/** The REST server to compare with: Fastify, the same token check, and one keyed read of an account from SQLite. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import Fastify from 'fastify';
import { jwtVerify } from 'jose';
import { TOKEN_RULES, tokenKey } from './token.ts';

const key = tokenKey(process.env.JWT_SECRET ?? '');
const database = new DatabaseSync(join(process.env.DATA_DIR ?? '.', 'bare.db'));
database.exec(`
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS account (
    id TEXT PRIMARY KEY, username TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL, createdAt TEXT NOT NULL
  ) STRICT;
`);
const addAccount = database.prepare('INSERT OR IGNORE INTO account VALUES (?, ?, ?, ?, ?)');
const findAccount = database.prepare('SELECT id, username, email, role, createdAt FROM account WHERE id = ?');

const app = Fastify();
app.get('/health', () => ({ status: 'ok' }));

app.put<{ Params: { id: string } }>('/accounts/:id', (request, reply) => {
  const { id } = request.params;
  addAccount.run(id, `name-${id}`, `${id}@example.org`, 'USER', new Date().toISOString());
  reply.code(204).send();
});

app.get('/api/v1/auth/me', async (request, reply) => {
  const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
  try {
    const { payload } = await jwtVerify(token, key, TOKEN_RULES);
    return { success: true, data: findAccount.get(payload.sub ?? '') };
  } catch {
    return reply.code(401).send({ success: false, message: 'Authentication failed', code: 'UNAUTHENTICATED' });
  }
});

const url = await app.listen({ host: '127.0.0.1', port: Number(process.env.SOCIAL_PORT ?? 0) });
console.log(`social ${url}`);
process.once('SIGTERM', () => process.exit(0));
