// `node main.mjs SETTINGS.json`: the local directory. Prints one line of JSON when it listens; stops at SIGTERM, or when its
// standard input ends.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import * as door from './door.mjs';
import * as managed from './managed.mjs';
import { build } from './provider.mjs';
import { store } from './store.mjs';
import { Tenant } from './tenant.mjs';

console.info = console.error; // standard output is for the line that says "ready"

async function main(file) {
  const settings = JSON.parse(readFileSync(file, 'utf8'));
  const tenant = new Tenant(settings);
  await tenant.rotate();
  const internal = await generateKeyPair('RS256', { extractable: true });
  const internalKey = { ...(await exportJWK(internal.publicKey)), kid: 'internal', use: 'sig', alg: 'RS256' };
  const cookieKey = randomBytes(32).toString('base64url');
  const directory = { tenant, internalPrivateKey: internal.privateKey };
  const adapter = store();
  directory.rebuild = () => { directory.provider = build(tenant, { adapter, internalKey, cookieKey }); };
  const servers = [];
  const serve = (handler) => {
    const server = http.createServer((request, response) => {
      handler.respond(directory, request, response).catch((error) => {
        console.error(error);
        if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
        response.end('The double of Entra has failed; its log says why.');
      });
    });
    servers.push(server);
    return server;
  };
  const listen = (server, port) => new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => { server.off('error', reject); resolve(server.address().port); });
  });
  const front = serve(door);
  const port = await listen(front, settings.port);
  // While it is away it accepts no connections, like behind a broken network; its keys and sessions stay.
  directory.away = async (away) => {
    if (away && front.listening) { front.close(); front.closeAllConnections(); }
    if (!away && !front.listening) await listen(front, port);
  };
  // Another host than the app's 127.0.0.1, so that what is cross-site in Azure is cross-site here.
  tenant.issuer = `http://localhost:${port}/${tenant.id}/v2.0`;
  directory.rebuild();
  const managedPort = await listen(serve(managed), 0);
  const managedUrl = `http://127.0.0.1:${managedPort}`;
  console.log(JSON.stringify({ ready: true, port, issuer: tenant.issuer, managed_url: managedUrl, identity_endpoint: managedUrl + managed.PATH }));
  const stop = () => { servers.forEach((server) => { server.close(); server.closeAllConnections(); }); process.exit(0); };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.stdin.on('end', stop).resume();
}

await main(process.argv[2]);
