/**
 * The server to compare with: Socket.IO that checks a token and relays, and stores nothing. It does what a real send
 * does on the wire (the same two events with the same full message) and no more.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jwtVerify } from 'jose';
import { Server } from 'socket.io';
import { TOKEN_RULES, tokenKey } from './token.ts';

interface Draft {
  content: string;
  type?: string;
  receiverId?: string;
  groupId?: string;
  clientId?: string;
}

const key = tokenKey(process.env.JWT_SECRET ?? '');
const http = createServer((_request, response) => response.end('{"status":"ok"}'));
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });

io.use(async (socket, next) => {
  try {
    const { payload } = await jwtVerify(String(socket.handshake.auth.token), key, TOKEN_RULES);
    socket.data.userId = payload.sub;
    socket.data.groups = payload.groups ?? [];
    next();
  } catch {
    next(new Error('Authentication failed'));
  }
});

io.on('connection', (socket) => {
  const userId: string = socket.data.userId;
  socket.join([`user:${userId}`, ...socket.data.groups.map((group: string) => `group:${group}`)]);
  socket.on('message:send', (draft: Draft) => {
    const message = buildMessage(userId, draft);
    if (draft.groupId) {
      io.to(`group:${draft.groupId}`).emit('message:received', message);
      return;
    }
    io.to(`user:${userId}`).emit('message:sent', { ...message, clientId: draft.clientId });
    io.to(`user:${draft.receiverId}`).emit('message:received', message);
  });
  socket.emit('connected', { message: 'Connected', userId, socketId: socket.id });
});

function buildMessage(senderId: string, draft: Draft): Record<string, unknown> {
  const now = new Date().toISOString();
  return {
    id: randomUUID(),
    senderId,
    receiverId: draft.receiverId ?? null,
    groupId: draft.groupId ?? null,
    content: draft.content,
    type: draft.type ?? 'TEXT',
    status: 'SENT',
    parentId: null,
    metadata: null,
    reactions: [],
    createdAt: now,
    updatedAt: now,
  };
}

http.listen(0, '127.0.0.1', () => console.log(`social http://127.0.0.1:${(http.address() as AddressInfo).port}`));
process.once('SIGTERM', () => process.exit(0));
