/** This machine's name. Loaded by those who fetch or wait: it would cost a start more than reading a value does. */
export const hostname = (): string => process.getBuiltinModule('node:os').hostname()
