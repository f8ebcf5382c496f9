import { dataOf, type Reply, signUp } from './accounts.ts';
import type { Random } from './random.ts';
import { Hearing } from './receipts-hearing.ts';
import { isStatus, type Kind, Place } from './receipts-model.ts';
import { Person } from './receipts-person.ts';
import { inParallel } from './timing.ts';
import { isJson, text } from './wire.ts';

const groupKinds: readonly Kind[] = ['PRIVATE', 'PUBLIC', 'SECRET'];

/** People, the places where they write, and what the model holds of both. */
export type Town = Readonly<{
  people: readonly Person[];
  places: readonly Place[];
  /** Where nobody writes any more: one of the two has blocked the other. */
  silent: Place;
  hearings: readonly Hearing[];
}>;

/** Some direct conversations and a group of each type; with more than fifty people, in one the senders hear counts. */
export async function settleTown(url: string, count: number): Promise<Town> {
  const accounts = await signUp(url, count);
  const hearings = accounts.map(() => new Hearing());
  const people = await Promise.all(
    accounts.map((account, number) => Person.arrive(account, (body) => hearings[number]?.hear(body))),
  );
  const everybody = people.map((_, number) => number);
  const [one, other] = [count - 2, count - 1];
  const silent = new Place('direct', '', [one, other]);
  const directs = [
    [0, 1],
    [0, 2],
    [2, 3],
  ].map((pair) => new Place('direct', '', pair));
  const groups: Place[] = [];
  for (const kind of groupKinds)
    groups.push(await makeGroup(people, kind, kind === 'PRIVATE' ? everybody : everybody.slice(0, 6)));
  for (const sender of [one, other, one]) await say(people, silent, sender);
  dataOf(await request(people, other, 'POST', `/users/${idOf(people, one)}/block`));
  silent.hush();
  return { people, places: [...directs, ...groups, silent], silent, hearings };
}

/** A group of these, owned by the first. */
async function makeGroup(people: readonly Person[], type: Kind, members: readonly number[]): Promise<Place> {
  const [owner = 0, ...others] = members;
  const id = text(dataOf(await request(people, owner, 'POST', '/groups', { title: type, type })), 'id');
  for (const member of others) {
    dataOf(await request(people, owner, 'POST', `/groups/${id}/members`, { userId: idOf(people, member) }));
  }
  return new Place(type, id, members);
}

/** A message, with the status that it has before anybody has given a receipt for it. */
async function say(people: readonly Person[], place: Place, sender: number): Promise<void> {
  const to = place.kind === 'direct' ? { receiverId: otherIn(people, place, sender) } : { groupId: place.id };
  const id = text(dataOf(await request(people, sender, 'POST', '/messages', { ...to, content: 'for receipts' })), 'id');
  const data = dataOf(await request(people, sender, 'GET', `/messages/${id}`));
  const stored = isJson(data) ? data['status'] : undefined;
  if (!isStatus(stored)) throw new Error(`a new message is ${String(stored)}`);
  place.say({ id, sender, stored });
}

/** Between two rounds, while no receipt is under way: some write, one message is deleted, somebody goes or comes. */
export async function change(town: Town, random: Random): Promise<void> {
  const { people, places, silent } = town;
  for (const place of places) {
    if (place === silent) continue;
    for (let number = random.between(1, 3); number > 0; number -= 1)
      await say(people, place, random.pick(place.members));
  }
  const message = random.pick(random.pick(places.filter(({ said }) => said.length > 0)).said);
  if (!message.deleted && message.place.has(message.sender)) {
    dataOf(await request(people, message.sender, 'DELETE', `/messages/${message.id}`));
    message.deleted = true;
  }
  const group = random.pick(places.filter(({ kind }) => kind !== 'direct'));
  await comeOrGo(people, group, random.between(1, people.length - 1));
}

async function comeOrGo(people: readonly Person[], group: Place, who: number): Promise<void> {
  const userId = idOf(people, who);
  if (group.has(who)) {
    dataOf(await request(people, 0, 'DELETE', `/groups/${group.id}/members/${userId}`));
    group.leave(who);
  } else {
    dataOf(await request(people, 0, 'POST', `/groups/${group.id}/members`, { userId }));
    group.join(who);
  }
}

/** Every status that differs from the model's, at everybody who may read it, in the last hundred of each place. */
export async function differences({ people, places }: Town): Promise<{ compared: number; wrong: string[] }> {
  const wrong: string[] = [];
  let compared = 0;
  const views = places.flatMap((place) =>
    people.map((_, reader) => ({ place, reader })).filter(({ reader }) => place.has(reader) || place.kind === 'PUBLIC'),
  );
  await inParallel(views, 4, async ({ place, reader }) => {
    const shown = await history(people, place, reader);
    const expected = place.said.filter(({ deleted }) => !deleted).slice(-100);
    for (const message of expected) {
      compared += 1;
      const [is, should] = [shown.get(message.id), place.shownTo(reader, message)];
      if (is !== should) wrong.push(`${place.kind} ${message.position}: person ${reader} sees ${is}, not ${should}`);
    }
  });
  return { compared, wrong };
}

async function history(people: readonly Person[], place: Place, reader: number): Promise<Map<string, unknown>> {
  const path = place.kind === 'direct' ? `direct/${otherIn(people, place, reader)}` : `group/${place.id}`;
  const data = dataOf(await request(people, reader, 'GET', `/messages/${path}?limit=100`));
  if (!Array.isArray(data)) throw new Error(`history of ${path} is no list`);
  return new Map(data.map((message: unknown) => [text(message, 'id'), text(message, 'status')]));
}

/** The id of the other one in a direct conversation. */
export function otherIn(people: readonly Person[], place: Place, person: number): string {
  return idOf(people, place.members.find((member) => member !== person) ?? -1);
}

const idOf = (people: readonly Person[], number: number): string => personAt(people, number).account.id;

export function personAt(people: readonly Person[], number: number): Person {
  const person = people[number];
  if (person === undefined) throw new Error(`there is no person ${number}`);
  return person;
}

function request(
  people: readonly Person[],
  number: number,
  ...[method, path, body]: Parameters<Person['request']>
): Promise<Reply> {
  return personAt(people, number).request(method, path, body);
}
