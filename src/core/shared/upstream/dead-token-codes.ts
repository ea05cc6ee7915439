/**
 * The errcodes by which WeChat and its relatives say that a token is dead. One list, which
 * everything that replaces a dead token uses.
 */

/**
 * Both mean a dead token everywhere, also on WeCom and DingTalk: of another kind, or past its
 * lifetime.
 */
export const INVALID_TOKEN_CODES: readonly number[] = [40014, 42001]

/**
 * On WeChat, 40001 says that a business call came with a superseded token. The endpoints that take
 * an AppSecret, and WeCom's, say by it that the secret is wrong.
 */
export const DEAD_TOKEN_CODES: readonly number[] = [40001, ...INVALID_TOKEN_CODES]
