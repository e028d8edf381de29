/** The `iss` of Google, in the one form that identities are kept under. */
export const googleIssuer = 'https://accounts.google.com';

/** The name of Google among a tenant's providers. */
export const googleProvider = 'google';

/** The domains of Google's own mailboxes; the second is what it was called in Germany and Britain. */
const googleMailDomains: readonly string[] = ['gmail.com', 'googlemail.com'];

/**
 * Whether Google is authoritative for an address: it has verified it, and hosts the mailbox, as
 * gmail.com or googlemail.com, or as the domain that the account belongs to (`hd`). Any other address may
 * have gone to another party since.
 */
export function isGoogleAuthoritative(email: string, emailVerified: boolean, hostedDomain: string): boolean {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  return (
    emailVerified &&
    (googleMailDomains.includes(domain) || (hostedDomain !== '' && domain === hostedDomain.toLowerCase()))
  );
}
