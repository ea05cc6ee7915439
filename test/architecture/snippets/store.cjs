// A store of one's own: here the one in memory.
module.exports = async (load) => ({ names: { myStore: load('dotdog').memoryStore } })
