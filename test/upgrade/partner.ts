import { setTimeout as pause } from 'node:timers/promises';
import { createRemoteJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { Webhook } from 'standardwebhooks';
import type { GatewayCall } from '../support/gateway.ts';
import { basic } from '../support/openid.ts';

/** What a tenant's back end has: keys, applications and a webhook, and what it found while they were replaced. */
export type Partner = ReturnType<typeof createPartner>;

type Secrets = { clientId: string; clientSecrets: string[]; webhookSecrets: string[] };

/** A tenant's back end that gets tokens, verifies them without a call, introspects them, and reads its webhooks. */
export function createPartner(urls: () => readonly string[], issuer: string, { clientId, ...held }: Secrets) {
  const findings: string[] = [];
  const tally = { tokens: 0, introspected: 0, webhooks: 0 };
  const kids = new Set<string>();
  const tokens: string[] = [];
  let isStopping = false;
  let running: Promise<unknown> = Promise.resolve();
  let turn = 0;
  const next = () => {
    turn += 1;
    const all = urls();
    return all[turn % all.length] ?? '';
  };

  async function call(path: string, form: Record<string, string>, secret: string) {
    const response = await fetch(`${next()}/t/dev/oauth/${path}`, {
      method: 'POST',
      headers: basic({ clientId, secret }),
      body: new URLSearchParams(form),
    });
    const body = (await response.json()) as Record<string, unknown>;
    if (response.status !== 200) findings.push(`${path}: ${response.status} ${JSON.stringify(body)}`);
    return body;
  }

  const keysOf = new Map<string, ReturnType<typeof createRemoteJWKSet>>();
  /** The keys of an instance, kept as a verifier does, and read again where one is not known. */
  function keysAt(url: string) {
    const known = keysOf.get(url);
    const keys = known ?? createRemoteJWKSet(new URL(`${url}/t/dev/jwks`), { cooldownDuration: 0 });
    keysOf.set(url, keys);
    return keys;
  }

  async function verify(token: string): Promise<void> {
    const keys = keysAt(next());
    await jwtVerify(token, keys, { issuer: `${issuer}/t/dev`, typ: 'at+jwt' }).catch((error: unknown) =>
      findings.push(`a token of ${decodeProtectedHeader(token).kid} does not verify: ${String(error)}`),
    );
  }

  async function act(secret: string): Promise<void> {
    const { access_token: token } = await call('token', { grant_type: 'client_credentials' }, secret);
    if (typeof token !== 'string') return;
    tally.tokens += 1;
    kids.add(String(decodeProtectedHeader(token).kid));
    await verify(token);
    tokens.push(token);
    // The oldest token is the one that a new key would make invalid.
    for (const each of [tokens[0], token]) {
      const { active } = await call('introspect', { token: each ?? '' }, secret);
      tally.introspected += 1;
      if (active !== true) findings.push(`a token of ${decodeProtectedHeader(each ?? '').kid} is not active`);
    }
  }

  return {
    kids,
    tally,
    findings,
    ...held,
    /** Reads a webhook with each secret that it still has. */
    read({ body, headers }: GatewayCall): void {
      const opens = held.webhookSecrets.some((secret) => {
        try {
          new Webhook(secret).verify(body, headers as Record<string, string>);
          return true;
        } catch {
          return false;
        }
      });
      tally.webhooks += 1;
      if (!opens) findings.push(`a webhook ${headers['webhook-id']} is not signed with a secret of ours`);
    },
    start(): void {
      running = (async () => {
        while (!isStopping) {
          // Both secrets are good while one replaces the other.
          for (const secret of held.clientSecrets) await act(secret);
          await pause(50);
        }
      })();
    },
    async stop(): Promise<void> {
      isStopping = true;
      await running;
    },
  };
}

/** The ids of the keys that sessions' tokens are verified with. */
export async function sessionKeyIds(url: string): Promise<string[]> {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
  return keys.map(({ kid }) => String(kid));
}
