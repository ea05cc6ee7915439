const { init, get } = require('dotdog')

init('ACCESS_TOKEN', async () => process.exit(1))
get('ACCESS_TOKEN').then((value) => {
  if (value.length !== 136) process.exitCode = 1
})
