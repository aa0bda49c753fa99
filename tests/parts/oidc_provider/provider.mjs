// An OpenID provider for the tests: `node provider.mjs CONFIG`, CONFIG a JSON object with
//   port, modules (the folder with node_modules), redirect_uris, key_id (a new one is a new key).
// Anna and Bert sign in with any password. Clients: `skyloom` (code flow, opaque tokens), `robot` (client credentials,
// signed tokens for the audience `skyloom-api`), `elsewhere` (as robot, for another audience).
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const config = JSON.parse(process.argv[2]);
const require = createRequire(`${config.modules}/`);
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const PEOPLE = {
  anna: { name: 'Anna', email: 'anna@example.org', preferred_username: 'anna', groups: ['staff', 'crew'] },
  bert: { name: 'Bert', email: 'bert@example.org', preferred_username: 'bert', groups: ['crew'] },
};
const AUDIENCES = { robot: 'skyloom-api', elsewhere: 'another-api' };
const issuer = `http://127.0.0.1:${config.port}`;
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

function robot(clientId) {
  return {
    client_id: clientId,
    client_secret: `${clientId}-secret-word-of-tests`,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  };
}

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'skyloom',
      client_secret: "skyloom's: a + b % c",
      grant_types: ['authorization_code'],
      redirect_uris: config.redirect_uris,
      response_types: ['code'],
    },
    robot('robot'),
    robot('elsewhere'),
  ],
  jwks: { keys: [{ ...key, kid: config.key_id, use: 'sig', alg: 'RS256' }] },
  cookies: { keys: ['a key of tests'] },
  claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'], email: ['email'] },
  conformIdTokenClaims: true,
  async findAccount(ctx, id) {
    return id in PEOPLE ? { accountId: id, async claims() { return { sub: id, ...PEOPLE[id] }; } } : undefined;
  },
  async extraTokenClaims(ctx, token) {
    return token.kind === 'ClientCredentials' ? { groups: ['crew'], preferred_username: token.clientId } : undefined;
  },
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx, client) => (client.clientId in AUDIENCES ? `urn:${AUDIENCES[client.clientId]}` : undefined),
      getResourceServerInfo: (ctx, resource) => ({
        scope: 'openid',
        audience: resource.slice('urn:'.length),
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
provider.on('server_error', (ctx, error) => console.error(error));
provider.listen(config.port, '127.0.0.1', () => console.log('ready'));
