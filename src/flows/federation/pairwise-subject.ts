import type { Vault } from '../../domain/vault.ts';

/**
 * The subject of a user of Manam at one tenant: two tenants cannot find out that they
 * have the same user (OpenID Connect Core 1.0, section 8.1).
 */
export function pairwiseSubject(vault: Vault, userId: string, tenantId: string): string {
  return vault.mac('pairwise-subject', Buffer.from(`${userId} ${tenantId}`)).toString('base64url');
}
