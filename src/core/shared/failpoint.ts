/**
 * Marks a step at which a test may stop or kill the process, or delete or damage its files. This
 * function does nothing. The injector's build replaces this module, and the published build drops
 * the calls.
 */
export function failpoint(_name: string, _key: string): void {}
