import { domainToASCII } from 'node:url';
import { invalid } from './errors.ts';

/** A domain of a tenant. It is proved by a TXT record that only its owner can make. */
export type DomainProof = {
  readonly tenantId: string;
  /** In ASCII, such as `example.com`. */
  readonly name: string;
  /** The random part of the TXT record's content. */
  readonly token: string;
  readonly createdAt: Date;
  /** Time of the proof; undefined: it is not proved. */
  readonly verifiedAt: Date | undefined;
};

/** The texts of the TXT records of a name; empty: it has none. Throws where no server answers. */
export type TxtLookup = (name: string) => Promise<readonly string[]>;

export const maxDomains = 20;

/** The name of the record that proves a domain. */
export function recordOf(domain: string): string {
  return `_manam-challenge.${domain}`;
}

/** The content of the record. */
export function recordContentOf({ token }: Pick<DomainProof, 'token'>): string {
  return `manam-domain-verification=${token}`;
}

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Reads the name of a domain, in letters of any script; throws REQUEST_INVALID. */
export function parseDomain(text: string): string {
  const name = domainToASCII(text.trim().toLowerCase());
  const labels = name.split('.');
  const isDomain =
    labels.length > 1 && labels.every((each) => label.test(each)) && !/^\d+$/.test(labels.at(-1) ?? '');
  // The record stands below it.
  if (!isDomain || recordOf(name).length > 253) throw invalid({ field: 'domain', reason: 'FIELD_INVALID' });
  return name;
}

/** Whether a host is one of the domains, or lies below one. */
export function isBelow(host: string, domains: readonly string[]): boolean {
  return domains.some((domain) => host === domain || host.endsWith(`.${domain}`));
}

export type DomainRepository = {
  /** The domains of a tenant, by name. */
  list(tenantId: string): Promise<DomainProof[]>;
  find(tenantId: string, name: string): Promise<DomainProof | undefined>;
  /** Throws DuplicateError where the tenant has it. */
  insert(proof: DomainProof): Promise<void>;
  /** Notes that a domain is proved. */
  verify(tenantId: string, name: string, at: Date): Promise<void>;
  /** False where there is none. */
  delete(tenantId: string, name: string): Promise<boolean>;
};
