/** Standard errors (RFC 6749, RFC 8707) that a person must correct. */
export const PERMANENT_ERRORS: readonly string[] = [
  'access_denied',
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
]
