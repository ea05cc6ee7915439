// The build turns `import()` into `require()`, which cannot load an ES module with top-level await.
// Inside `new Function` it stays an `import()`.
export const importModule = new Function('url', 'return import(url)') as (url: string) => Promise<Record<string, unknown>>
