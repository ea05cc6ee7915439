/**
 * Names the places at which a process may be stopped, killed, or have its files deleted or damaged under it. Does nothing:
 * the injector's build puts another module in its place, and the published build drops the calls.
 */
export function failpoint(_name: string, _key: string): void {}
