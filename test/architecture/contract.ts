// Compiled, never run: the contract that users read, index.d.ts, and what the source exports are one and the same. What does
// not fit is a type error in this file.
type Contract = typeof import('../../index.js')
type Source = typeof import('../../src/core/index.js')

/** `debug` is an accessor of the default dog: a named export of the source could not be assigned. */
type Named = Omit<Contract, 'debug'>

declare const contract: Contract
declare const source: Source
declare const named: Omit<Source, 'default'>

// What the source has is what the contract promises …
export const promised: Contract = source.default
export const promisedByName: Named = named
// … and nothing that it does not promise.
export const kept: Source['default'] = contract
export const keptByName: Omit<Source, 'default'> = contract

/** An assignment lets additional names pass. */
type None<T extends never> = T
export type Unpromised = None<Exclude<keyof Source['default'] | Exclude<keyof Source, 'default'>, keyof Contract>>
export type Unkept = None<Exclude<keyof Contract, keyof Source['default']> | Exclude<keyof Named, keyof Source>>
