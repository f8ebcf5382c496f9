// The two panes of the start page: two people, each with a stock socket.io-client of their own. What is here is all a
// client needs: a key for every message, an outbox until the server has confirmed, and history when nothing was recovered.
import { io } from '/assets/socket.io-client.js';

const people = [
  { key: 'ada', name: 'Ada', other: 'Grace' },
  { key: 'grace', name: 'Grace', other: 'Ada' },
];

offerCopying();
start().catch((error) => {
  const trouble = document.querySelector('#trouble');
  trouble.textContent = `The two panes could not start: ${error.message}`;
  trouble.hidden = false;
});

async function start() {
  const panes = people.map(drawPane);
  const pair = await ask('/demo/pair', { method: 'POST' });
  const [ada, grace] = panes;
  converse(ada, { me: pair.ada, other: pair.grace });
  converse(grace, { me: pair.grace, other: pair.ada });
}

async function ask(path, options) {
  const response = await fetch(path, options);
  const { success, data, message } = await response.json();
  if (!success) throw new Error(message);
  return data;
}

/** Puts one pane on the page, and gives the parts of it that change. */
function drawPane({ key, name, other }) {
  const pane = document.querySelector('#pane').content.cloneNode(true).firstElementChild;
  const find = (selector) => pane.querySelector(selector);
  pane.id = key;
  pane.setAttribute('aria-label', `${name}’s side`);
  find('.face').textContent = name[0];
  find('h3').textContent = name;
  // Reached by keyboard, to be scrolled.
  find('.messages').tabIndex = 0;
  find('.messages').setAttribute('aria-label', `Messages as ${name} sees them`);
  find('input').setAttribute('aria-label', `Message from ${name} to ${other}`);
  find('input').placeholder = `Write to ${other}`;
  find('[type=submit]').setAttribute('aria-label', `Send as ${name}`);
  document.querySelector('#panes').append(pane);
  find('.retry').setAttribute('aria-label', `Read ${name}’s history again`);
  const parts = { pane, key, name, state: find('.state'), line: find('.line'), list: find('.messages') };
  return { ...parts, form: find('form'), footer: find('.footer'), retry: find('.retry'), offset: find('.place code') };
}

/** Lets one person write and read in a pane, over one connection. */
function converse(pane, { me, other }) {
  const socket = io({
    auth: { token: me.accessToken, since: 'now' },
    forceNew: true,
    transports: ['websocket', 'polling'],
    reconnectionDelay: 200,
    reconnectionDelayMax: 2_000,
  });
  const talk = { pane, me, other, socket, outbox: new Map(), shown: new Map(), cutAt: null, missed: 0 };

  socket.on('connected', (_welcome, offset) => {
    see(talk, offset);
    void welcomeBack(talk);
  });
  socket.on('message:received', (message, offset) => receive(talk, message, offset));
  socket.on('message:sent', (message, offset) => receive(talk, message, offset));
  socket.on('cursor', (_nothing, offset) => see(talk, offset));
  socket.on('resync', () => void readHistory(talk));
  // Every message has its callback, so what comes here is a refusal of the connection itself.
  socket.on('error', ({ message }) => {
    socket.disconnect();
    say(pane, 'out', message);
  });
  socket.on('disconnect', (reason) => {
    talk.cutAt ??= Date.now();
    // A session that was ended: the client does not come back from that by itself, and its token would not let it.
    if (reason === 'io server disconnect') say(pane, 'out', 'signed out by the server');
    else if (pane.pane.dataset.line === 'up') say(pane, 'waiting', 'connection lost, trying again');
  });

  pane.form.addEventListener('submit', (event) => {
    event.preventDefault();
    const { content } = event.target.elements;
    if (content.value.trim() === '') return;
    write(talk, content.value);
    content.value = '';
    content.focus();
  });
  pane.line.addEventListener('click', () => acts[pane.pane.dataset.line ?? 'waiting'](talk));
  pane.retry.addEventListener('click', () => void readAgain(talk));
}

/** What the button beside the state does, by that state. */
const acts = { up: cut, waiting: cut, cut: reconnect, out: signInAgain };

/** Ends the transport below Socket.IO, as a lost network does, and keeps the client from coming back by itself. */
function cut({ socket, pane }) {
  socket.io.reconnection(false);
  socket.io.engine.close();
  say(pane, 'cut', 'connection cut');
}

function reconnect({ socket, pane }) {
  say(pane, 'waiting', 'connecting');
  socket.io.reconnection(true);
  socket.connect();
}

/** The token or the connection was refused, so the same ones would be again: a new pair of them, and a new connection. */
async function signInAgain(talk) {
  const { socket, pane } = talk;
  say(pane, 'waiting', 'signing in');
  try {
    await renew(talk);
    reconnect(talk);
  } catch (error) {
    socket.disconnect();
    say(pane, 'out', error.message);
  }
}

async function renew(talk) {
  const pair = await ask('/demo/pair', { method: 'POST' });
  const { ada, grace } = pair;
  talk.me = pair[talk.pane.key];
  talk.other = talk.me === ada ? grace : ada;
  talk.socket.auth = { token: talk.me.accessToken, since: 'now' };
}

async function welcomeBack(talk) {
  const { socket, pane, outbox } = talk;
  talk.missed = 0;
  talk.backAt = Date.now();
  say(pane, 'up', 'connected', 'recovered: nothing was missed');
  if (!socket.recovered) await readHistory(talk);
  // What left while the connection broke may have arrived or not: the same key makes saying it again harmless.
  for (const draft of outbox.values()) send(talk, draft);
}

/** History: on the first connection, and whenever the server could not resume. What went wrong stands below the list. */
async function readHistory(talk) {
  const { pane } = talk;
  const tell = (history, words) => {
    pane.pane.dataset.history = history;
    pane.retry.hidden = history !== 'failed';
    if (pane.pane.dataset.line === 'up') pane.footer.textContent = words;
  };
  tell('loading', 'reading history');
  try {
    await reload(talk);
    tell('loaded', 'history loaded');
  } catch (error) {
    tell('failed', `history could not be read: ${error.message}`);
  }
}

/** By hand, perhaps much later: with a new token, because the old one may have expired meanwhile. */
async function readAgain(talk) {
  await renew(talk).catch(() => undefined);
  await readHistory(talk);
}

/** The newest messages over REST, in place of those that were shown; what was never sent stays. */
async function reload(talk) {
  const { list } = talk.pane;
  const before = new Set([...list.children].filter((item) => !item.matches('.pending, .failed')));
  const headers = { authorization: `Bearer ${talk.me.accessToken}` };
  const messages = await ask(`/api/v1/messages/direct/${talk.other.id}?limit=50`, { headers });
  for (const item of before) item.remove();
  for (const [key, item] of talk.shown) if (before.has(item)) talk.shown.delete(key);
  // Newest first, and put before what came live meanwhile, which is newer than all of them.
  for (const message of messages) {
    if (talk.outbox.has(message.clientId)) confirm(talk, message);
    else if (!talk.shown.has(message.id)) show(talk, message, { first: true });
  }
  list.scrollTop = list.scrollHeight;
}

function write(talk, content) {
  const draft = { content, receiverId: talk.other.id, clientId: uuidv7() };
  talk.outbox.set(draft.clientId, draft);
  const item = show(talk, { ...draft, senderId: talk.me.id, createdAt: new Date().toISOString() }, { pending: true });
  if (talk.socket.connected) send(talk, draft);
  else describe(item, 'sending when connected again');
}

function send(talk, draft) {
  const item = talk.shown.get(draft.clientId);
  describe(item, 'sending');
  talk.socket.emit('message:send', draft, (answer) => {
    if (answer.success) confirm(talk, answer.data);
    else fail(talk, draft, answer.message);
  });
}

/** The server has it on disk: told by the acknowledgement or, when that was lost with a connection, by the event. */
function confirm(talk, message) {
  const item = talk.shown.get(message.clientId);
  talk.outbox.delete(message.clientId);
  talk.shown.set(message.id, item);
  item.classList.remove('pending');
  describe(item, 'sent', message.createdAt);
  return item;
}

function fail(talk, draft, reason) {
  const item = talk.shown.get(draft.clientId);
  talk.outbox.delete(draft.clientId);
  item.classList.replace('pending', 'failed');
  describe(item, `not sent: ${reason}`);
  keepEnd(item.parentElement, () => item.append(retryButton(talk, draft)));
}

/** The same key again: should the refused message have got through after all, it is still one. */
function retryButton(talk, draft) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'quiet';
  button.textContent = 'Retry';
  button.setAttribute('aria-label', `Retry: ${draft.content}`);
  button.addEventListener('click', () => {
    const item = talk.shown.get(draft.clientId);
    button.remove();
    item.classList.replace('failed', 'pending');
    talk.outbox.set(draft.clientId, draft);
    place(talk.pane, item);
    if (talk.socket.connected) send(talk, draft);
    else describe(item, 'sending when connected again');
  });
  return button;
}

function receive(talk, message, offset) {
  see(talk, offset);
  // Events come in the order of the log, so a message of one's own now moves to where everybody sees it.
  if (talk.shown.has(message.clientId)) place(talk.pane, confirm(talk, message));
  else if (!talk.shown.has(message.id)) show(talk, message, { missed: wasMissed(talk, message) });
}

function wasMissed(talk, { createdAt }) {
  const at = Date.parse(createdAt);
  const missed = talk.cutAt !== null && at >= talk.cutAt && at < talk.backAt;
  if (missed) {
    talk.missed += 1;
    const count = talk.missed === 1 ? '1 missed message' : `${talk.missed} missed messages`;
    talk.pane.footer.textContent = `recovered: ${count} arrived`;
  } else if (at >= talk.backAt) {
    talk.cutAt = null;
  }
  return missed;
}

function show(talk, message, { first = false, missed = false, pending = false } = {}) {
  const own = message.senderId === talk.me.id;
  const item = document.createElement('li');
  const text = document.createElement('p');
  const note = document.createElement('small');
  text.textContent = message.content;
  note.append(document.createElement('time'), document.createElement('span'));
  item.append(text, note);
  item.classList.toggle('own', own);
  item.classList.toggle('missed', missed);
  item.classList.toggle('pending', pending);
  describe(item, own ? 'sent' : missed ? 'missed, delivered now' : 'received', message.createdAt);
  if (first) talk.pane.list.prepend(item);
  else place(talk.pane, item);
  talk.shown.set(message.id ?? message.clientId, item);
  if (message.clientId !== undefined) talk.shown.set(message.clientId, item);
  return item;
}

/** At the end, but before what is still on its way. */
function place({ list }, item) {
  const waiting = item.classList.contains('pending') ? null : list.querySelector('.pending');
  list.insertBefore(item, waiting);
  list.scrollTop = list.scrollHeight;
}

function describe(item, state, at) {
  const [time, words] = item.querySelector('small').children;
  keepEnd(item.parentElement, () => {
    if (at !== undefined) {
      time.dateTime = at;
      time.textContent = new Date(at).toLocaleTimeString();
    }
    words.textContent = ` · ${state}`;
  });
}

/** A list that shows its end still does when one of its items has grown. */
function keepEnd(list, change) {
  const atEnd = list !== null && list.scrollHeight - list.scrollTop - list.clientHeight < 8;
  change();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

const buttons = {
  up: ['Cut', (name) => `Cut ${name}’s connection`],
  waiting: ['Cut', (name) => `Cut ${name}’s connection`],
  cut: ['Reconnect', (name) => `Reconnect ${name}`],
  out: ['Sign in again', (name) => `Sign ${name} in again`],
};

/** The state above the list, and the line below it: never two different things. */
function say({ pane, name, state, line, footer, retry }, where, words, below = 'messages wait on the server') {
  const [label, described] = buttons[where];
  pane.dataset.line = where;
  state.textContent = words;
  footer.textContent = below;
  retry.hidden = true;
  line.textContent = label;
  line.setAttribute('aria-label', described(name));
}

function see({ pane }, offset) {
  pane.offset.textContent = offset;
}

/** RFC 9562: 48 bits of time, then chance. Keys that grow with time are the cheapest for the server to index. */
function uuidv7() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  new DataView(bytes.buffer).setBigUint64(0, (BigInt(Date.now()) << 16n) | BigInt((bytes[6] << 8) | bytes[7]));
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Buttons that copy the command beside them, where the browser allows it. */
function offerCopying() {
  for (const command of document.querySelectorAll('pre')) command.tabIndex = 0;
  if (navigator.clipboard === undefined) return;
  for (const button of document.querySelectorAll('.copy')) {
    button.hidden = false;
    const source = button.previousElementSibling;
    const caption = button.parentElement.querySelector('figcaption').textContent;
    button.setAttribute('aria-label', `Copy: ${caption}`);
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = 'Copied';
      setTimeout(() => {
        button.textContent = 'Copy';
      }, 1_500);
    });
  }
}
