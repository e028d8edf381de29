import { execFileSync } from 'node:child_process';
import express from 'express';
// A project of yours imports these from '@manam/client/guards' and '@manam/client/verify'.
import { createGuard, expressGuard } from '../src/clients/guards.ts';
import { createAccessTokenVerifier } from '../src/clients/verify.ts';

// An API whose callers have a session: what they may do is decided here, and not in a page.

const url = process.env['MANAM_URL'] ?? 'http://localhost:8080';
const port = Number(process.env['PORT'] ?? 3003);

/** The id of the tenant `dev`, which its tokens are for. */
function findTenant(): string {
  const listed = execFileSync('npm', ['run', '-s', 'manam', '--', 'tenant', 'show', 'dev', '--json'], {
    encoding: 'utf8',
  });
  return (JSON.parse(listed) as { readonly tenant: { readonly tenant_id: string } }).tenant.tenant_id;
}

const verify = createAccessTokenVerifier({
  issuer: url,
  tenantId: process.env['MANAM_TENANT'] ?? findTenant(),
});
const users = createGuard(verify);
const admins = createGuard(verify, { roles: ['admin'] });

const app = express();
app.get('/me', expressGuard(users), (request, response) => {
  response.json({ user: users.claimsOf(request).userId });
});
app.get('/reports', expressGuard(admins), (_, response) => {
  response.json({ reports: [] });
});
app.listen(port, 'localhost', (error) => {
  // For example, a port that is already in use.
  if (error) throw error;
  console.log(`open http://localhost:${port}`);
});
