import { grantTypes, standardScopes } from '../domain/application.ts';
import { authenticationMethods } from '../domain/application-settings.ts';
import { issuerOf, issuerPaths } from '../domain/application-token.ts';
import { prompts } from '../domain/authorization-request.ts';
import { locales } from '../domain/locale.ts';
import { signingAlgorithms } from '../domain/signing-algorithm.ts';
import { manamSlug, type Tenant } from '../domain/tenant.ts';

/** Algorithms of assertions (OpenID Connect Discovery 1.0, section 3). */
const assertionAlgorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];
const claims = [
  ...[
    'sub',
    'iss',
    'aud',
    'exp',
    'iat',
    'auth_time',
    'nonce',
    'acr',
    'amr',
    'sid',
    'at_hash',
    'name',
    'given_name',
  ],
  ...['family_name', 'picture', 'birthdate', 'locale', 'email', 'email_verified', 'phone_number'],
  ...['phone_number_verified', 'address', 'roles'],
];

/** What an issuer says of itself (OpenID Connect Discovery 1.0, section 3; RFC 8414, section 2). */
export function issuerMetadata(deployment: string, { slug, policy }: Tenant): object {
  const issuer = issuerOf(deployment, slug);
  const at = (path: string) => issuer + path;
  const secrets = authenticationMethods.filter((method) => method !== 'none');
  return {
    issuer,
    authorization_endpoint: at(issuerPaths.authorization),
    token_endpoint: at(issuerPaths.token),
    userinfo_endpoint: at(issuerPaths.userInfo),
    jwks_uri: at(issuerPaths.jwks),
    end_session_endpoint: at(issuerPaths.endSession),
    introspection_endpoint: at(issuerPaths.introspection),
    revocation_endpoint: at(issuerPaths.revocation),
    pushed_authorization_request_endpoint: at(issuerPaths.pushed),
    device_authorization_endpoint: at(issuerPaths.device),
    scopes_supported: standardScopes,
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'form_post'],
    grant_types_supported: Object.values(grantTypes),
    subject_types_supported: [slug === manamSlug ? 'pairwise' : 'public'],
    id_token_signing_alg_values_supported: signingAlgorithms,
    token_endpoint_auth_methods_supported: authenticationMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint_auth_methods_supported: secrets,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: authenticationMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    code_challenge_methods_supported: ['S256'],
    prompt_values_supported: prompts,
    acr_values_supported: ['aal1', 'aal2'],
    claim_types_supported: ['normal'],
    claims_supported: [...new Set([...claims, ...Object.keys(policy.claims)])],
    ui_locales_supported: locales,
    claims_parameter_supported: false,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    authorization_response_iss_parameter_supported: true,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    client_id_metadata_document_supported: policy.metadataClients,
  };
}
