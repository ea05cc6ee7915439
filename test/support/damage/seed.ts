import t from 'tap'

/** Another one at each run; a run is repeated by the one that it printed. */
export const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

t.comment(`SEED=${SEED} repeats this run`)
