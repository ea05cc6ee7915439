const { init, get } = require('guard_dog')

init('ACCESS_TOKEN', () => process.exit(1), 'guard_dog')
get('ACCESS_TOKEN', (value) => {
  if (value.length !== 136) process.exitCode = 1
})
