import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf, here, openTestIdentity } from '../../../test/support/identity.ts';

const person = (name: string) => ({ username: name, email: `${name}@example.org`, password: 'Password123' });

test('everything that is done with one account at once has an outcome: nobody waits for somebody who waits for them', async (t) => {
  const { identity } = await openTestIdentity(t);
  const { principal: friend } = await identity.register(person('friend'), here);
  for (let round = 0; round < 4; round += 1) {
    const ada = person(`ada${round}`);
    const { principal } = await identity.register(ada, here);
    const [first, second, third] = await Promise.all([1, 2, 3].map(() => identity.login(ada, here)));
    assert.ok(first && second && third);
    await identity.block(principal, friend.id);
    const code = await identity.resetCode(ada.email);
    const change = { currentPassword: ada.password, newPassword: 'Another-Password-4', origin: here };
    const codes = await Promise.all([
      codeOf(identity.changePassword(principal, change)),
      codeOf(identity.resetPassword({ email: ada.email, code, password: 'Another-Password-5' }, here)),
      ...[first, second].map((one) => codeOf(identity.logout(one.principal, one.refreshToken))),
      codeOf(identity.refresh(third.refreshToken)),
      codeOf(identity.login(ada, here)),
      codeOf(identity.unblock(principal, friend.id)),
      codeOf(identity.setRole(ada.email, 'HR')),
      codeOf(identity.logoutAll(principal)),
      codeOf(identity.noteSeen([principal.account, friend.account], Date.now() + round)),
      codeOf(identity.deleteAccount(principal, principal.id)),
      codeOf(identity.deleteAccount(principal, principal.id)),
    ]);
    assert.deepEqual(
      codes.filter((code) => code === 'UNAVAILABLE'),
      [],
    );
    assert.equal(await codeOf(identity.login(ada, here)), 'INVALID_CREDENTIALS');
    assert.equal((await identity.listSessions(principal, { page: 1, limit: 20 })).total, 0);
  }
});
