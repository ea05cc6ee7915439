/**
 * This machine's name. node:os is loaded only on the first fetch or wait: loading it at start costs
 * more than reading a value.
 */
export const hostname = (): string => process.getBuiltinModule('node:os').hostname()
