import 'reflect-metadata';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Injectable } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connected } from '../../../server/test/support/clients.ts';
import { startServer } from '../../../server/test/support/server.ts';
import { AppGateway, appGatewayProviders, NotificationService } from './index.ts';

/** The service of the push document, as its author would write it; below is what the decorator compiles to. */
class DocumentedService {
  readonly appGateway: AppGateway;
  readonly saved: string[] = [];

  constructor(appGateway: AppGateway) {
    this.appGateway = appGateway;
  }

  async sendNotification(userId: string, notification: { title: string; body: string }) {
    if (this.appGateway.isUserConnected(userId)) {
      void this.appGateway.sendMessageToUser(userId, 'notification', {
        title: notification.title,
        body: notification.body,
        timestamp: new Date().toISOString(),
      });
    } else {
      this.saved.push(userId);
    }
  }
}
Injectable()(DocumentedService);
Reflect.defineMetadata('design:paramtypes', [AppGateway], DocumentedService);

test('NestJS puts the gateway and the service into whoever asks for them, and starts and ends it', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await server.people(2);
  assert.ok(ada && bob);
  const { key } = await server.app.identity.createKey({ name: 'nest', scopes: ['push:send', 'push:read'] });
  const { ear } = await connected(t, server, { token: ada.accessToken });
  const providers = [...appGatewayProviders({ url: server.url, key }), DocumentedService];
  const nest = await NestFactory.createApplicationContext({ module: class Root {}, providers }, { logger: false });
  const service = nest.get(DocumentedService);
  await service.sendNotification(ada.principal.id, { title: 'Hello', body: 'there' });
  await service.sendNotification(bob.principal.id, { title: 'Hello', body: 'there' });
  await ear.until('notification');
  assert.deepEqual(service.saved, [bob.principal.id]);
  const ours = nest.get(NotificationService);
  assert.equal(await ours.sendNotification(bob.principal.id, { title: 'a', body: 'b' }), 'saved');
  await nest.close();
});

test('the package as it is published has no TypeScript, and works', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rendezvous-sdk-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const root = fileURLToPath(new URL('..', import.meta.url));
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', root, '--outDir', folder]);
  const built = await import(pathToFileURL(join(folder, 'index.js')).href);
  assert.deepEqual(Object.keys(built).sort(), [
    'AppGateway',
    'NotificationService',
    'PushRefused',
    'appGatewayProviders',
  ]);
  const gateway = new built.AppGateway({ url: 'http://127.0.0.1:1', key: 'rk_none', onFailure: () => {} });
  assert.equal(await gateway.sendMessageToUser('x', 'alert', 1), false);
});
