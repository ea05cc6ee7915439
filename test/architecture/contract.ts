// Compiled, never run. It compares index.d.ts, which users read, with what the source exports: a difference is a type error
// in this file.
type Contract = typeof import('../../index.js')
type Source = typeof import('../../src/core/index.js')

/** `debug` is an accessor of the default dog: users could not assign a named export. */
type Named = Omit<Contract, 'debug'>

declare const contract: Contract
declare const source: Source
declare const named: Omit<Source, 'default'>

// The source exports all that the contract promises …
export const promised: Contract = source.default
export const promisedByName: Named = named
// … and nothing else.
export const kept: Source['default'] = contract
export const keptByName: Omit<Source, 'default'> = contract

/** The assignments above let additional names pass; these types do not. */
type None<T extends never> = T
export type Unpromised = None<Exclude<keyof Source['default'] | Exclude<keyof Source, 'default'>, keyof Contract>>
export type Unkept = None<Exclude<keyof Contract, keyof Source['default']> | Exclude<keyof Named, keyof Source>>
