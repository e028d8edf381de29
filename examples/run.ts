// `npm run example web`: runs an example by its name.
const [name = ''] = process.argv.slice(2);
if (!['web', 'page', 'react', 'api', 'device', 'jobs'].includes(name)) {
  console.error('npm run example web, page, react, api, device or jobs');
  process.exit(2);
}
await import(`./${name}.ts`);
