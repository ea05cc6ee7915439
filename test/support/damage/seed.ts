import t from 'tap'

/** Differs in each run. Set the environment variable SEED to the printed number to repeat a run. */
export const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

t.comment(`SEED=${SEED} repeats this run`)
