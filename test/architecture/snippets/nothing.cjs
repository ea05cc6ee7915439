// For a snippet that needs nothing but the package.
module.exports = async () => ({})
