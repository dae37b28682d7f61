// Two pages, nothing about Keyslot.
export default { build: { rollupOptions: { input: ["index.html", "external.html"] } } };
